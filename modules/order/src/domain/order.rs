//! An order: the fold of its events.

use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::{Event, Placed};
use super::payment::{PaymentState, Snapshot};

/// Where an order is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Placed; stock is being held.
    Pending,
    /// Stock is held; waits for payment.
    AwaitingPayment,
    /// Paid and stock committed; the money is being taken.
    Confirming,
    /// Stock committed and the exact total taken.
    Confirmed,
    /// Being undone, as asked.
    Cancelling,
    /// Undone: no money, no hold.
    Cancelled,
    /// Being undone, for want of payment.
    Expiring,
    /// Undone: no money, no hold.
    Expired,
    /// Stock could not be held; nothing else was begun.
    Rejected,
}

/// The money side of an order, derived from what the provider reported and never set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// No payment was reported yet.
    Pending,
    /// The buyer has to do something.
    RequiresAction,
    /// The money is set aside.
    Authorized,
    /// The money was taken.
    Captured,
    /// Part of it was given back.
    PartiallyRefunded,
    /// All of it was given back.
    Refunded,
    /// Given up before money was taken.
    Voided,
    /// Refused.
    Failed,
}

/// What holds for the stock of an order's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stock {
    /// Nothing is known to be held.
    None,
    /// Every line is held.
    Held,
    /// Every line has left.
    Committed,
    /// Nothing is held or gone, and nothing can be under this reservation.
    Released,
}

/// One payment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// 1 for the first.
    pub attempt: u32,
    /// Name of the provider.
    pub provider: String,
    /// The provider's token for the buyer's means of payment.
    pub token: String,
    /// Whether the provider has to be asked before it may be told anything.
    pub unknown: bool,
    /// What the provider reported.
    pub seen: Option<Snapshot>,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What the buyer agreed to.
    pub placed: Placed,
    /// When.
    pub placed_at: Timestamp,
    /// Where it is.
    pub status: Status,
    /// What holds for its stock.
    pub stock: Stock,
    /// Its payments, in order; the last is the live one.
    pub payments: Vec<Payment>,
    /// Why it was or is being undone.
    pub reason: Option<String>,
    /// Why it does not get on by itself.
    pub attention: Option<String>,
    /// Number of its events.
    pub version: i32,
    /// When the last one happened.
    pub updated_at: Timestamp,
}

/// The events do not make an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the first event must be `placed`, and no other")]
pub struct NotAnOrder;

// === impl Order ===

impl Order {
    /// Folds an order's events.
    ///
    /// # Errors
    /// When the first is not [`Event::Placed`], or a later one is.
    pub fn fold(events: impl IntoIterator<Item = (Event, Timestamp)>) -> Result<Self, NotAnOrder> {
        let mut events = events.into_iter();
        let Some((Event::Placed(placed), at)) = events.next() else { return Err(NotAnOrder) };
        let mut order = Self::place(*placed, at);
        for (event, at) in events {
            order.apply(event, at)?;
        }
        Ok(order)
    }

    /// An order that was just placed.
    pub fn place(placed: Placed, at: Timestamp) -> Self {
        Self {
            placed,
            placed_at: at,
            status: Status::Pending,
            stock: Stock::None,
            payments: Vec::new(),
            reason: None,
            attention: None,
            version: 1,
            updated_at: at,
        }
    }

    /// Adds one event. Facts are always taken in; the status follows only along its legal moves.
    ///
    /// # Errors
    /// When the event is [`Event::Placed`].
    pub fn apply(&mut self, event: Event, at: Timestamp) -> Result<(), NotAnOrder> {
        match event {
            Event::Placed(_) => return Err(NotAnOrder),
            Event::StockReserved => {
                self.stock = Stock::Held;
                self.move_on(Status::Pending, Status::AwaitingPayment);
            }
            Event::StockRefused { reason } => {
                self.stock = Stock::Released;
                if self.status == Status::Pending {
                    self.reason = Some(reason);
                }
                self.move_on(Status::Pending, Status::Rejected);
            }
            Event::PaymentStarted { attempt, provider, token } => {
                self.payments.push(Payment { attempt, provider, token, unknown: false, seen: None });
            }
            Event::PaymentUnknown { attempt } => self.payment(attempt, |payment| payment.unknown = true),
            Event::PaymentNotFound { attempt } => self.payment(attempt, |payment| payment.unknown = false),
            Event::PaymentSeen { attempt, snapshot } => self.payment(attempt, |payment| {
                payment.unknown = false;
                payment.seen = Some(match &payment.seen {
                    Some(known) => known.join(&snapshot),
                    None => snapshot.clone(),
                });
            }),
            Event::StockCommitted => {
                self.stock = Stock::Committed;
                self.move_on(Status::AwaitingPayment, Status::Confirming);
            }
            Event::Confirmed => self.move_on(Status::Confirming, Status::Confirmed),
            Event::CancelRequested { reason, .. } => {
                if self.is_cancellable() {
                    self.status = Status::Cancelling;
                    self.reason = Some(reason);
                }
            }
            Event::ExpiryBegan => {
                if self.status == Status::AwaitingPayment {
                    self.reason = Some("not_paid_in_time".to_owned());
                }
                self.move_on(Status::AwaitingPayment, Status::Expiring);
            }
            Event::StockReleased => self.stock = Stock::Released,
            Event::Cancelled => self.move_on(Status::Cancelling, Status::Cancelled),
            Event::Expired => self.move_on(Status::Expiring, Status::Expired),
            Event::AttentionNeeded { reason } => self.attention = Some(reason),
            Event::AttentionCleared => self.attention = None,
        }
        self.version = self.version.saturating_add(1);
        self.updated_at = at;
        Ok(())
    }

    fn move_on(&mut self, from: Status, to: Status) {
        if self.status == from {
            self.status = to;
        }
    }

    fn payment(&mut self, attempt: u32, change: impl Fn(&mut Payment)) {
        self.payments.iter_mut().filter(|payment| payment.attempt == attempt).for_each(change);
    }

    /// Whether the event says anything that the order does not know.
    pub fn would_change(&self, event: &Event) -> bool {
        let mut after = self.clone();
        if after.apply(event.clone(), self.updated_at).is_err() {
            return false;
        }
        after.version = self.version;
        after != *self
    }

    /// Whether a request to cancel has an effect now.
    pub fn is_cancellable(&self) -> bool {
        matches!(
            self.status,
            Status::Pending | Status::AwaitingPayment | Status::Confirming | Status::Confirmed
        )
    }

    /// Whether a new payment may be begun: the stock is held and no earlier payment can still come to anything.
    pub fn is_payable(&self) -> bool {
        self.status == Status::AwaitingPayment
            && self.payments.iter().all(|payment| payment.seen.as_ref().is_some_and(Snapshot::is_dead))
    }

    /// The money side, by one function over what the provider reported.
    pub fn payment_status(&self) -> PaymentStatus {
        let seen = || self.payments.iter().filter_map(|payment| payment.seen.as_ref());
        let captured: i64 = seen().map(|snapshot| snapshot.captured).sum();
        let refunded: i64 = seen().map(|snapshot| snapshot.refunded).sum();
        if captured > 0 {
            return match refunded {
                0 => PaymentStatus::Captured,
                part if part < captured => PaymentStatus::PartiallyRefunded,
                _ => PaymentStatus::Refunded,
            };
        }
        match self.payments.last().and_then(|payment| payment.seen.as_ref()).map(|seen| seen.state) {
            None | Some(PaymentState::Processing) => PaymentStatus::Pending,
            Some(PaymentState::RequiresAction) => PaymentStatus::RequiresAction,
            Some(PaymentState::Authorized) => PaymentStatus::Authorized,
            Some(PaymentState::Captured) => PaymentStatus::Captured,
            Some(PaymentState::Voided) => PaymentStatus::Voided,
            Some(PaymentState::Declined) => PaymentStatus::Failed,
        }
    }
}

// === impl Status ===

impl Status {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::AwaitingPayment,
        Self::Confirming,
        Self::Confirmed,
        Self::Cancelling,
        Self::Cancelled,
        Self::Expiring,
        Self::Expired,
        Self::Rejected,
    ];

    /// The name used in JSON and the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::AwaitingPayment => "awaiting_payment",
            Self::Confirming => "confirming",
            Self::Confirmed => "confirmed",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Expiring => "expiring",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
        }
    }

    /// Whether nothing happens any more unless somebody asks for it.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Confirmed | Self::Cancelled | Self::Expired | Self::Rejected)
    }
}

// === impl PaymentStatus ===

impl PaymentStatus {
    /// The name used in JSON and the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::RequiresAction => "requires_action",
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
            Self::Voided => "voided",
            Self::Failed => "failed",
        }
    }
}

//! What to do next for an order: a pure function of its events and the time.
//!
//! ```text
//!  pending ── reserve ──▶ awaiting_payment ── create, ask ──▶ authorized ── commit stock ──▶ confirming ── capture ──▶ confirmed
//!     │ refused               │ declined: wait for another payment                              │ (pivot)
//!     ▼                       │ 3 declined, cancel asked, wrong amount, hold gone               │ capture refused
//!  rejected                   ▼                                                                 ▼
//!                          cancelling / expiring: void or refund every payment, release stock ──▶ cancelled / expired
//! ```
//!
//! Nothing but the order's events remembers how far the saga is, so there is no second truth to disagree with. Every step is
//! idempotent by a stable key, so that it may be repeated after a crash at any point.

use kernel::Timestamp;

use super::order::{Order, Payment, Status, Stock};
use super::payment::{PaymentState, Snapshot};

/// Payments that may be declined before the order is given up.
pub const MOST_PAYMENTS: usize = 3;

/// One thing to do for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Hold stock for every line.
    ReserveStock,
    /// Ask the provider for the payment.
    CreatePayment(Payment),
    /// Ask the provider what has become of the payment.
    AskPayment(Payment),
    /// Turn the hold into stock that has left.
    CommitStock,
    /// Take the money: the pivot.
    CapturePayment(Payment),
    /// Note that all is done.
    Confirm,
    /// Give the order up.
    GiveUp(&'static str),
    /// Nobody paid in time.
    BeginExpiry,
    /// Give up a payment whose money was not taken, or make sure that it is never made.
    VoidPayment(Payment),
    /// Give back what was taken, in full.
    RefundPayment(Payment),
    /// Undo the hold or the commit.
    ReleaseStock,
    /// Note that all is undone.
    FinishUndoing,
    /// Nothing to do before then, unless something happens.
    WaitUntil(Timestamp),
    /// Nothing to do, unless something happens.
    Rest,
}

impl Step {
    /// The step's name in metrics and fault points.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ReserveStock => "reserve_stock",
            Self::CreatePayment(_) => "create_payment",
            Self::AskPayment(_) => "ask_payment",
            Self::CommitStock => "commit_stock",
            Self::CapturePayment(_) => "capture_payment",
            Self::Confirm => "confirm",
            Self::GiveUp(_) => "give_up",
            Self::BeginExpiry => "begin_expiry",
            Self::VoidPayment(_) => "void_payment",
            Self::RefundPayment(_) => "refund_payment",
            Self::ReleaseStock => "release_stock",
            Self::FinishUndoing => "finish_undoing",
            Self::WaitUntil(_) => "wait",
            Self::Rest => "rest",
        }
    }
}

/// The next step.
pub fn next_step(order: &Order, now: Timestamp) -> Step {
    match order.status {
        // It may have waited for a process to come back.
        Status::Pending if now >= order.placed.pay_until => Step::GiveUp("not_paid_in_time"),
        Status::Pending => Step::ReserveStock,
        Status::AwaitingPayment => await_payment(order, now),
        Status::Confirming => confirm(order),
        Status::Cancelling | Status::Expiring => undo(order).unwrap_or(Step::FinishUndoing),
        // Money that turns up after the end is given back.
        Status::Cancelled | Status::Expired => undo(order).unwrap_or(Step::Rest),
        Status::Confirmed => give_back_surplus(order).unwrap_or(Step::Rest),
        Status::Rejected => Step::Rest,
    }
}

fn await_payment(order: &Order, now: Timestamp) -> Step {
    let deadline = order.placed.pay_until;
    let late = now >= deadline;
    match order.payments.last() {
        Some(payment) if !payment.seen.as_ref().is_some_and(Snapshot::is_dead) => {
            follow_payment(order, payment, late)
        }
        // Every payment so far came to nothing.
        _ if order.payments.len() >= MOST_PAYMENTS => Step::GiveUp("payment_declined"),
        _ if late => Step::BeginExpiry,
        _ => Step::WaitUntil(deadline),
    }
}

fn follow_payment(order: &Order, payment: &Payment, late: bool) -> Step {
    let Some(seen) = &payment.seen else {
        return if payment.unknown {
            Step::AskPayment(payment.clone())
        } else if late {
            // Never asked for, as far as is known; undoing makes sure of it.
            Step::BeginExpiry
        } else {
            Step::CreatePayment(payment.clone())
        };
    };
    match seen.state {
        PaymentState::Authorized | PaymentState::Captured if seen.authorized == order.placed.total => {
            Step::CommitStock
        }
        PaymentState::Authorized | PaymentState::Captured => Step::GiveUp("wrong_amount_authorized"),
        _ if late => Step::BeginExpiry,
        _ => Step::AskPayment(payment.clone()),
    }
}

fn confirm(order: &Order) -> Step {
    match order.payments.last() {
        Some(payment) => match &payment.seen {
            Some(seen) if seen.net_captured() == order.placed.total => Step::Confirm,
            // The provider gave the money up, or it was refused: before the pivot, so all is undone.
            Some(seen) if seen.is_dead() => Step::GiveUp("capture_refused"),
            _ if payment.unknown => Step::AskPayment(payment.clone()),
            _ => Step::CapturePayment(payment.clone()),
        },
        None => Step::GiveUp("no_payment"),
    }
}

/// Money of a payment that was thought dead, and that came all the same beside the one that paid.
fn give_back_surplus(order: &Order) -> Option<Step> {
    let (_paid, earlier) = order.payments.split_last()?;
    undo_payments(earlier)
}

fn undo_payments(payments: &[Payment]) -> Option<Step> {
    payments.iter().find_map(|payment| match &payment.seen {
        Some(seen) if seen.is_dead() => None,
        Some(seen) if seen.net_captured() > 0 => Some(Step::RefundPayment(payment.clone())),
        _ => Some(Step::VoidPayment(payment.clone())),
    })
}

/// What is left to undo: first the money, then the stock.
fn undo(order: &Order) -> Option<Step> {
    if let Some(step) = undo_payments(&order.payments) {
        return Some(step);
    }
    (order.stock != Stock::Released).then_some(Step::ReleaseStock)
}

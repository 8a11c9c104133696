//! The events of an order: facts, never changed once written.

use kernel::{CartId, Currency, Detail, ProductId, ReservationId, Timestamp, UserId, VariantId};
use serde::{Deserialize, Serialize};

use super::payment::Snapshot;

/// Something that happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The buyer placed it. Always the first event, and only the first.
    Placed(Box<Placed>),
    /// Stock is held for every line.
    StockReserved,
    /// Stock could not be held; the order ends.
    StockRefused {
        /// Code of the refusal, and the variants it is about.
        reason: String,
    },
    /// A payment is about to be asked for. Written before the provider is called.
    PaymentStarted {
        /// 1 for the first payment of the order.
        attempt: u32,
        /// Name of the provider.
        provider: String,
        /// The provider's token for the buyer's means of payment.
        token: String,
    },
    /// The provider's answer was lost: it has to be asked.
    PaymentUnknown {
        /// Which payment.
        attempt: u32,
    },
    /// The provider does not know the payment: it has to be asked for again.
    PaymentNotFound {
        /// Which payment.
        attempt: u32,
    },
    /// The provider's report changed what is known.
    PaymentSeen {
        /// Which payment.
        attempt: u32,
        /// Everything known of it now.
        snapshot: Snapshot,
    },
    /// The held stock has left.
    StockCommitted,
    /// Stock is committed and the exact total is taken.
    Confirmed,
    /// The order shall end without effect.
    CancelRequested {
        /// Why.
        reason: String,
        /// The account that asked, if a person did.
        by: Option<UserId>,
    },
    /// Nobody paid in time.
    ExpiryBegan,
    /// No stock is held or gone any more.
    StockReleased,
    /// Ended without effect, as asked.
    Cancelled,
    /// Ended without effect, for want of payment.
    Expired,
    /// The saga does not get on by itself.
    AttentionNeeded {
        /// What fails.
        reason: String,
    },
    /// It does again.
    AttentionCleared,
}

/// What the buyer agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// For people.
    pub number: String,
    /// The buyer's account; a guest has none.
    pub user_id: Option<UserId>,
    /// SHA-256 of the guest's secret.
    pub guest_hash: Option<String>,
    /// Where to write to.
    pub email: String,
    /// The cart it came from.
    pub cart_id: CartId,
    /// Currency of every amount of the order.
    pub currency: Currency,
    /// The lines, with names and prices as they were then.
    pub lines: Vec<Line>,
    /// Minor units to pay.
    pub total: i64,
    /// Where to send it.
    pub shipping_address: Option<Address>,
    /// Names the hold on stock.
    pub reservation_id: ReservationId,
    /// Unpaid by then, it expires.
    pub pay_until: Timestamp,
}

/// One line of an order: a snapshot, never looked up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Line {
    /// The variant.
    pub variant_id: VariantId,
    /// Its product.
    pub product_id: ProductId,
    /// Stock keeping unit.
    pub sku: String,
    /// Name of product and variant.
    pub name: String,
    /// Units.
    pub quantity: i64,
    /// Minor units for one.
    pub unit_price: i64,
    /// Minor units for all.
    pub total: i64,
}

/// Where to send an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// To whom.
    pub name: String,
    /// Street and number.
    pub line1: String,
    /// More of the street.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    /// Town.
    pub city: String,
    /// Postal code.
    pub postal_code: String,
    /// ISO 3166-1 alpha-2 code.
    pub country: String,
}

// === impl Address ===

impl Address {
    /// Longest that a field may be, in bytes.
    const LONGEST: usize = 200;

    /// What is wrong with it, field by field.
    pub fn problems(&self) -> Vec<Detail> {
        let required = [
            ("name", &self.name),
            ("line1", &self.line1),
            ("city", &self.city),
            ("postal_code", &self.postal_code),
        ];
        let optional = self.line2.iter().map(|line2| ("line2", line2));
        let mut problems: Vec<Detail> = required
            .into_iter()
            .filter(|(_, text)| text.trim().is_empty())
            .map(|(field, _)| Detail::of(format!("shipping_address.{field}"), "must not be empty"))
            .collect();
        problems.extend(
            required
                .into_iter()
                .chain(optional)
                .filter(|(_, text)| text.len() > Self::LONGEST || text.chars().any(char::is_control))
                .map(|(field, _)| {
                    let problem = "must be at most 200 bytes long, without control characters";
                    Detail::of(format!("shipping_address.{field}"), problem)
                }),
        );
        if self.country.len() != 2 || !self.country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            problems.push(Detail::of("shipping_address.country", "must be an ISO 3166-1 alpha-2 code"));
        }
        problems
    }
}

// === impl Event ===

impl Event {
    /// The event's kind, as stored beside it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Placed(_) => "placed",
            Self::StockReserved => "stock_reserved",
            Self::StockRefused { .. } => "stock_refused",
            Self::PaymentStarted { .. } => "payment_started",
            Self::PaymentUnknown { .. } => "payment_unknown",
            Self::PaymentNotFound { .. } => "payment_not_found",
            Self::PaymentSeen { .. } => "payment_seen",
            Self::StockCommitted => "stock_committed",
            Self::Confirmed => "confirmed",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::ExpiryBegan => "expiry_began",
            Self::StockReleased => "stock_released",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::AttentionNeeded { .. } => "attention_needed",
            Self::AttentionCleared => "attention_cleared",
        }
    }
}

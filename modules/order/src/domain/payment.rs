//! What a payment provider says of a payment, and how its reports combine.

use serde::{Deserialize, Serialize};

/// How far a payment has come. Ordered: of two reports about one payment the greater state holds, whichever came first.
///
/// A provider never leaves `Declined` or `Voided` for `Authorized`, so the order never hides progress; and money that was taken
/// outranks everything, because it has to be given back.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// The provider works on it.
    Processing,
    /// The buyer has to do something, such as 3-D Secure.
    RequiresAction,
    /// The money is set aside.
    Authorized,
    /// The provider or the bank refused.
    Declined,
    /// Given up before money was taken.
    Voided,
    /// Money was taken.
    Captured,
}

/// What the buyer has to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NextAction {
    /// Open this address in a browser.
    pub redirect_url: String,
}

/// One report about a payment: absolute totals, in the order's currency, so that reports may be lost, repeated and reordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The provider's name for the payment.
    pub reference: String,
    /// How far it has come.
    pub state: PaymentState,
    /// Minor units set aside, ever.
    pub authorized: i64,
    /// Minor units taken, ever.
    pub captured: i64,
    /// Minor units given back, ever.
    pub refunded: i64,
    /// What the buyer has to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action: Option<NextAction>,
    /// Why it was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
}

// === impl Snapshot ===

impl Snapshot {
    /// A payment the provider never made, or made sure never to make.
    pub fn void(reference: impl Into<String>) -> Self {
        Self {
            reference: reference.into(),
            state: PaymentState::Voided,
            authorized: 0,
            captured: 0,
            refunded: 0,
            next_action: None,
            decline_code: None,
        }
    }

    /// Both reports together: the least upper bound. Associative, commutative and idempotent, so that any order, repetition or loss
    /// (made good by asking) of reports ends the same.
    pub fn join(&self, other: &Self) -> Self {
        let state = self.state.max(other.state);
        let waits = state == PaymentState::RequiresAction;
        Self {
            reference: self.reference.clone().max(other.reference.clone()),
            state,
            authorized: self.authorized.max(other.authorized),
            captured: self.captured.max(other.captured),
            refunded: self.refunded.max(other.refunded),
            next_action: self.next_action.clone().max(other.next_action.clone()).filter(|_| waits),
            decline_code: self.decline_code.clone().max(other.decline_code.clone()),
        }
    }

    /// Minor units that the provider holds of the buyer's now.
    pub fn net_captured(&self) -> i64 {
        self.captured.saturating_sub(self.refunded)
    }

    /// Whether nothing more can come of it without a new payment: no money taken, none set aside, none on the way.
    pub fn is_dead(&self) -> bool {
        match self.state {
            PaymentState::Declined | PaymentState::Voided => self.net_captured() == 0,
            PaymentState::Captured => self.net_captured() == 0,
            PaymentState::Processing | PaymentState::RequiresAction | PaymentState::Authorized => false,
        }
    }
}

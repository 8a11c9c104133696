//! The order module's internal interface: what other modules may ask of it.

use kernel_types::{CartId, Coded, ErrorCode, OrderId, ProductId, UserId};
use serde::{Deserialize, Serialize};

seam::contract! {
    /// Carts and orders.
    pub trait Orders: "order", version 1, error OrderError {
        /// Whether the user has a confirmed order with the product in it.
        idempotent fn has_bought(HasBought) -> bool;
        /// How full a user's open cart is.
        idempotent fn get_cart_summary(UserId) -> CartSummary;
        /// Gives a guest's cart to a user who has just logged in, merged with the one they have.
        idempotent fn claim_cart(ClaimCart) -> CartId;
    }
}

/// Asks whether a user has bought a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HasBought {
    /// The buyer.
    pub user_id: UserId,
    /// The product, in any variant.
    pub product_id: ProductId,
}

/// How full a cart is; nothing in it if there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartSummary {
    /// Different variants in it.
    pub lines: i64,
    /// Units of all of them together.
    pub units: i64,
}

/// Asks to give a guest's cart to a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimCart {
    /// Who gets it.
    pub user_id: UserId,
    /// The guest's secret.
    pub guest_token: String,
}

/// Kind of the event whose data is an [`OrderConfirmed`].
pub const ORDER_CONFIRMED: &str = "order.confirmed";

/// An order of a user was paid, and its stock has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    /// The order.
    pub order_id: OrderId,
    /// The buyer.
    pub user_id: UserId,
    /// What is in it, each once.
    pub product_ids: Vec<ProductId>,
}

/// Kind of the event whose data is an [`OrderRevoked`].
pub const ORDER_REVOKED: &str = "order.revoked";

/// A confirmed order is being cancelled: nothing of it counts as bought any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRevoked {
    /// The order.
    pub order_id: OrderId,
}

/// Why a request about carts or orders is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum OrderError {
    /// The guest has no open cart.
    #[error("there is no such cart")]
    CartNotFound,
}

impl Coded for OrderError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::CartNotFound => ErrorCode::CartNotFound,
        }
    }
}

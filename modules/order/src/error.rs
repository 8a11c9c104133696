//! What the module's use cases can refuse or fail with.

use kernel::idempotency::KeyError;
use kernel::store::StoreError;
use kernel::{CallError, Coded, Detail, ErrorCode, Money};
use product_contract::ProductError;
use user_contract::UserError;

use crate::domain::cart::CartError;
use crate::domain::order::NotAnOrder;

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such cart, or somebody else's.
    #[error("there is no such cart")]
    CartNotFound,
    /// The cart has become an order, or was merged into another.
    #[error("the cart is no longer open")]
    CartCheckedOut,
    /// The cart cannot become an order.
    #[error(transparent)]
    Cart(#[from] CartError),
    /// No such order, or somebody else's.
    #[error("there is no such order")]
    OrderNotFound,
    /// No such payment.
    #[error("there is no such payment")]
    PaymentNotFound,
    /// The total is not the one the buyer saw.
    #[error("the total is now {current}")]
    PriceChanged {
        /// The total now.
        current: Money,
    },
    /// The order has ended or is ending.
    #[error("the order can no longer be cancelled")]
    NotCancellable,
    /// The order is not waiting for a new payment.
    #[error("the order takes no payment now")]
    NotPayable,
    /// Fields with values that are not allowed.
    #[error("a field has a value that is not allowed")]
    Invalid(Vec<Detail>),
    /// A webhook that is not from the provider, or says nothing.
    #[error("the webhook is not valid")]
    WebhookInvalid,
    /// The idempotency key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store failed.
    #[error("the order store failed")]
    Store(#[from] StoreError),
    /// The events of an order make no sense.
    #[error("an order cannot be read")]
    NotAnOrder(#[from] NotAnOrder),
    /// The user module refused or failed.
    #[error(transparent)]
    User(#[from] CallError<UserError>),
    /// The product module refused or failed.
    #[error(transparent)]
    Product(#[from] CallError<ProductError>),
}

impl Error {
    /// One field with a value that is not allowed.
    pub(crate) fn invalid(field: &str, message: &str) -> Self {
        Self::Invalid(vec![Detail::of(field, message)])
    }
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::CartNotFound => ErrorCode::CartNotFound,
            Self::CartCheckedOut => ErrorCode::CartCheckedOut,
            Self::Cart(error) => error.code(),
            Self::OrderNotFound => ErrorCode::OrderNotFound,
            Self::PaymentNotFound => ErrorCode::PaymentNotFound,
            Self::PriceChanged { .. } => ErrorCode::PriceChanged,
            Self::NotCancellable => ErrorCode::OrderNotCancellable,
            Self::NotPayable => ErrorCode::OrderNotPayable,
            Self::Invalid(_) => ErrorCode::ValidationFailed,
            Self::WebhookInvalid => ErrorCode::WebhookInvalid,
            Self::Key(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::NotAnOrder(_) => ErrorCode::Internal,
            Self::User(error) => error.code(),
            Self::Product(error) => error.code(),
        }
    }

    fn details(&self) -> Vec<Detail> {
        match self {
            Self::Invalid(details) => details.clone(),
            Self::PriceChanged { current } => {
                vec![Detail::of("expected_total", "is not the total any more").with(current.amount)]
            }
            Self::Cart(CartError::NotForSale(variant_id)) => {
                vec![Detail::of(variant_id.as_str(), "is not sold, or not in this currency")]
            }
            Self::Product(error) => error.details(),
            Self::User(error) => error.details(),
            _ => Vec::new(),
        }
    }
}

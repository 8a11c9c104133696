//! What the module refuses, and why.

use kernel::idempotency::KeyError;
use kernel::store::StoreError;
use kernel::{CallError, Coded, Detail, ErrorCode};
use order_contract::OrderError;
use product_contract::ProductError;

/// Why a request about the catalogue or stock did not succeed. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("the product store failed")]
    Store(#[from] StoreError),
    /// The idempotency key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Fields have values that are not allowed.
    #[error("some fields are not valid")]
    Invalid(Vec<Detail>),
    /// Lines of a file cannot be used.
    #[error("some lines of the file cannot be used; nothing of it was applied")]
    MalformedCsv(Vec<Detail>),
    /// There is no such product, or not for everybody.
    #[error("there is no such product")]
    ProductNotFound,
    /// There is no such variant.
    #[error("there is no such variant")]
    VariantNotFound,
    /// There is no such category.
    #[error("there is no such category")]
    CategoryNotFound,
    /// There is no such review, or it is somebody else's.
    #[error("there is no such review")]
    ReviewNotFound,
    /// Another product or category has the slug.
    #[error("the slug is taken")]
    SlugTaken,
    /// Another variant has the stock keeping unit.
    #[error("the SKU {0} is taken")]
    SkuTaken(String),
    /// Products or categories stand in the category.
    #[error("the category still has products or subcategories")]
    CategoryNotEmpty,
    /// The resource is not the one the client read.
    #[error("the resource has changed since it was read")]
    Changed,
    /// An adjustment would leave less in the house than is held, or less than nothing.
    #[error("only {available} units can be taken out")]
    TooFewUnits {
        /// Units that are neither sold nor held.
        available: i64,
    },
    /// The user has not bought the product.
    #[error("only a product that was bought can be reviewed")]
    ReviewNotAllowed,
    /// The user has a review of the product.
    #[error("this account has reviewed this product")]
    AlreadyReviewed,
    /// The contract's own refusals.
    #[error(transparent)]
    Contract(#[from] ProductError),
    /// The order module could not be asked.
    #[error("the order module could not be asked")]
    Orders(#[source] CallError<OrderError>),
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Store(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Invalid(_) => ErrorCode::ValidationFailed,
            Self::MalformedCsv(_) => ErrorCode::MalformedCsv,
            Self::ProductNotFound => ErrorCode::ProductNotFound,
            Self::VariantNotFound => ErrorCode::VariantNotFound,
            Self::CategoryNotFound => ErrorCode::CategoryNotFound,
            Self::ReviewNotFound => ErrorCode::ReviewNotFound,
            Self::SlugTaken => ErrorCode::SlugTaken,
            Self::SkuTaken(_) => ErrorCode::SkuTaken,
            Self::CategoryNotEmpty => ErrorCode::CategoryNotEmpty,
            Self::Changed => ErrorCode::PreconditionFailed,
            Self::TooFewUnits { .. } => ErrorCode::InsufficientStock,
            Self::ReviewNotAllowed => ErrorCode::ReviewNotAllowed,
            Self::AlreadyReviewed => ErrorCode::AlreadyReviewed,
            Self::Contract(error) => error.code(),
            Self::Orders(error) => error.code(),
        }
    }

    fn details(&self) -> Vec<Detail> {
        match self {
            Self::Invalid(details) | Self::MalformedCsv(details) => details.clone(),
            Self::SkuTaken(sku) => vec![Detail::of("sku", "is taken").with(sku)],
            Self::TooFewUnits { available } => {
                vec![Detail::of("delta", "would take out more than is free").with(available)]
            }
            Self::Contract(error) => error.details(),
            _ => Vec::new(),
        }
    }
}

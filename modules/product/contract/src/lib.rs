//! The product module's internal interface: what other modules may ask of it.

mod page;

use kernel_types::{
    Coded, Currency, Detail, ErrorCode, EventBatch, Money, ProductId, ReservationId, Timestamp, VariantId,
};
use serde::{Deserialize, Serialize};

pub use page::{CategoryName, NewestReviews, ProductDetails, ProductName, ReviewSummary, VariantDetails};

seam::contract! {
    /// The catalogue, prices and stock.
    ///
    /// A reservation is named by its holder. Reserving, committing and releasing one is idempotent by that name, and a released
    /// reservation can never be made again, so that a late or repeated message changes nothing.
    pub trait Products: "product", version 1, error ProductError {
        /// The variants among `ids` that exist, in no particular order, each once.
        idempotent fn get_variants(GetVariants) -> Vec<VariantSummary>;
        /// A product on sale, as its page shows it.
        idempotent fn get_product(ProductName) -> ProductDetails;
        /// What buyers say of a product on sale, the newest first.
        idempotent fn newest_reviews(NewestReviews) -> Vec<ReviewSummary>;
        /// Holds stock for every line or for none.
        idempotent fn reserve(Reserve) -> ();
        /// Turns a hold into stock that has left.
        idempotent fn commit_reservation(ReservationId) -> ();
        /// Undoes a hold or its commit, whatever became of it: what was held is free, what had left is back.
        idempotent fn release_reservation(ReservationId) -> ();
        /// Takes in what happened in another module; gives the sequence number of the last event of that source that it has.
        idempotent fn take_events(EventBatch) -> i64;
    }
}

/// Asks for variants with their price in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetVariants {
    /// At most 100.
    pub ids: Vec<VariantId>,
    /// Currency of the prices.
    pub currency: Currency,
}

/// What others may know of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantSummary {
    /// The variant.
    pub id: VariantId,
    /// Its product.
    pub product_id: ProductId,
    /// The product's address in the shop.
    pub slug: String,
    /// Stock keeping unit.
    pub sku: String,
    /// Name of the product.
    pub product_name: String,
    /// What sets the variant apart, as in `Large`; empty when there is only one.
    pub variant_name: String,
    /// Unit price, if it is sold in the currency asked for.
    pub price: Option<Money>,
    /// Whether product and variant are on sale.
    pub for_sale: bool,
    /// Units that could be reserved now.
    pub available: i64,
}

/// Asks to hold stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserve {
    /// Names the hold.
    pub reservation_id: ReservationId,
    /// What to hold; a variant stands in one line only.
    pub lines: Vec<ReserveLine>,
    /// From then on the hold counts as free, unless it was committed.
    pub expires_at: Timestamp,
}

/// Units of one variant to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReserveLine {
    /// The variant.
    pub variant_id: VariantId,
    /// Units, at least 1.
    pub quantity: i64,
}

/// A line that cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// The variant.
    pub variant_id: VariantId,
    /// Units asked for.
    pub requested: i64,
    /// Units that could be held.
    pub available: i64,
}

/// Why a request about the catalogue or stock is refused. Nothing was changed then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ProductError {
    /// No product on sale has that name.
    #[error("there is no such product")]
    NotFound,
    /// Some variants have too few units.
    #[error("there is not enough stock")]
    InsufficientStock {
        /// The lines that cannot be held.
        shortages: Vec<Shortage>,
    },
    /// A variant is not known or not on sale.
    #[error("the variant {variant_id} is not for sale")]
    NotForSale {
        /// The variant.
        variant_id: VariantId,
    },
    /// The hold ran out before it was committed, or was released.
    #[error("the reservation is no longer held")]
    ReservationGone,
    /// The request breaks the contract: no line, a variant twice, a quantity below 1, too many ids.
    #[error("the request is not valid: {reason}")]
    Invalid {
        /// What is wrong.
        reason: String,
    },
}

impl Coded for ProductError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::ProductNotFound,
            Self::InsufficientStock { .. } => ErrorCode::InsufficientStock,
            Self::NotForSale { .. } => ErrorCode::NotForSale,
            // These never reach a client by themselves: only the order module's own process can cause them.
            Self::ReservationGone | Self::Invalid { .. } => ErrorCode::Internal,
        }
    }

    fn details(&self) -> Vec<Detail> {
        match self {
            Self::InsufficientStock { shortages } => shortages
                .iter()
                .map(|short| {
                    Detail::of(short.variant_id.as_str(), format!("{} were asked for", short.requested))
                        .with(short.available)
                })
                .collect(),
            Self::NotForSale { variant_id } => vec![Detail::of(variant_id.as_str(), "not for sale")],
            Self::NotFound | Self::ReservationGone | Self::Invalid { .. } => Vec::new(),
        }
    }
}

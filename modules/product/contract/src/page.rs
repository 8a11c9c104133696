//! What a page in the shop shows of a product.

use kernel_types::{Money, ProductId, Timestamp, UserId, VariantId};
use serde::{Deserialize, Serialize};

/// Names a product on sale as an address does: by its id or its slug.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProductName(pub String);

/// Everything about a product on sale that buyers see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductDetails {
    /// The product.
    pub id: ProductId,
    /// Its address in the shop.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What there is to say of it.
    pub description: String,
    /// Its picture.
    pub image_url: Option<String>,
    /// Where it stands.
    pub category: Option<CategoryName>,
    /// Its variants on sale, in the order they are shown.
    pub variants: Vec<VariantDetails>,
    /// Mean of the ratings as decimal text; none without ratings.
    pub rating_average: Option<String>,
    /// How many ratings there are.
    pub rating_count: i64,
    /// When it was added.
    pub created_at: Timestamp,
}

/// A category by its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryName {
    /// Its address in the shop.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// A variant on sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantDetails {
    /// The variant.
    pub id: VariantId,
    /// Stock keeping unit.
    pub sku: String,
    /// What sets it apart; empty when there is only one.
    pub name: String,
    /// Its prices, one for each currency it is sold in.
    pub prices: Vec<Money>,
    /// Units that could be bought when this was read.
    pub available: i64,
}

/// Asks for the newest reviews of a product on sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewestReviews {
    /// The product.
    pub product: ProductName,
    /// At most so many, from 1 to 20.
    pub limit: u32,
}

/// What somebody who bought the product says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewSummary {
    /// Its name in the public interface.
    pub id: String,
    /// Who wrote it.
    pub author_id: UserId,
    /// 1 to 5 stars.
    pub rating: i32,
    /// Headline; may be empty.
    pub title: String,
    /// Text.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
}

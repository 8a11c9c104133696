//! Representations that more than one route gives.

use kernel::{Currency, Money, ProductId, Timestamp, VariantId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::CategoryId;
use crate::domain::rating::average;
use crate::domain::status::{ProductStatus, VariantStatus};
use crate::service::{ProductPage, StaffProduct, StaffVariant};
use crate::store::catalog::Listed;
use crate::store::categories::CategoryRow;
use crate::store::details::VariantDetails;

/// How far a list was walked.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Walk {
    /// Most rows of the page, 1 to 100; 20 when it is absent.
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// What buyers thought of a product.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RatingView {
    /// Mean of the ratings as decimal text; null when there are none.
    #[schema(example = "4.50")]
    average: Option<String>,
    /// How many there are.
    count: i64,
}

/// A product as lists show it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProductListItem {
    /// Names it.
    id: ProductId,
    /// Names it in addresses.
    #[schema(example = "stoneware-mug")]
    slug: String,
    /// Its name.
    #[schema(example = "Stoneware Mug")]
    name: String,
    /// Its picture.
    image_url: Option<String>,
    /// Where it stands.
    category_id: Option<CategoryId>,
    /// Lowest price of a variant on sale, in the currency asked for; null when it is not sold in it.
    price: Option<Money>,
    /// Whether a variant is in stock.
    in_stock: bool,
    /// What buyers thought of it.
    rating: RatingView,
    /// When it was added.
    created_at: Timestamp,
}

/// A product as staff see it in lists.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StaffProductListItem {
    /// Whether it is in the shop.
    status: ProductStatus,
    /// Rises with each change.
    version: i32,
    /// What everybody sees of it.
    #[serde(flatten)]
    product: ProductListItem,
}

/// The category of a product.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CategoryLink {
    /// Names it.
    id: CategoryId,
    /// Names it in addresses.
    #[schema(example = "coffee-and-tea")]
    slug: String,
    /// Its name.
    #[schema(example = "Coffee and tea")]
    name: String,
}

/// A product on sale.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProductView {
    /// Names it.
    id: ProductId,
    /// Names it in addresses.
    #[schema(example = "stoneware-mug")]
    slug: String,
    /// Its name.
    #[schema(example = "Stoneware Mug")]
    name: String,
    /// What there is to say of it.
    description: String,
    /// Its picture.
    image_url: Option<String>,
    /// Where it stands.
    category: Option<CategoryLink>,
    /// Its variants on sale, in the order they are shown.
    variants: Vec<VariantView>,
    /// Whether one of them is in stock.
    in_stock: bool,
    /// What buyers thought of it.
    rating: RatingView,
    /// When it was added.
    created_at: Timestamp,
}

/// A variant on sale.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VariantView {
    /// Names it: what a cart takes.
    id: VariantId,
    /// Stock keeping unit.
    #[schema(example = "STON-MUG-MSS")]
    sku: String,
    /// What sets it apart; empty when there is only one.
    #[schema(example = "Moss")]
    name: String,
    /// Its prices, one for each currency it is sold in.
    prices: Vec<Money>,
    /// Units that could be bought when this was read.
    available: i64,
}

/// A product as staff see it. Its entity tag changes exactly when this does.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StaffProductView {
    /// Names it.
    id: ProductId,
    /// Names it in addresses.
    slug: String,
    /// Its name.
    name: String,
    /// What there is to say of it.
    description: String,
    /// Its picture.
    image_url: Option<String>,
    /// Where it stands.
    category_id: Option<CategoryId>,
    /// Whether it is in the shop.
    status: ProductStatus,
    /// Rises with each change of the product or of one of its variants.
    version: i32,
    /// When it was added.
    created_at: Timestamp,
    /// Its variants, of any status.
    variants: Vec<StaffVariantView>,
}

/// A variant as staff see it. Its entity tag changes exactly when this does.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StaffVariantView {
    /// Names it.
    id: VariantId,
    /// Its product.
    product_id: ProductId,
    /// Stock keeping unit.
    sku: String,
    /// What sets it apart.
    name: String,
    /// Whether it is on sale.
    status: VariantStatus,
    /// Where it stands among the variants of its product.
    position: i32,
    /// Rises with each change of the variant or of one of its prices.
    version: i32,
    /// Its prices, one for each currency it is sold in.
    prices: Vec<Money>,
}

// === impl RatingView ===

impl RatingView {
    fn of(count: i64, hundredths: i32) -> Self {
        Self { average: average(count, hundredths), count }
    }
}

// === impl ProductListItem ===

impl ProductListItem {
    pub(super) fn of(listed: Listed, currency: Currency) -> Self {
        let Listed { product, lowest, in_stock, rank: _ } = listed;
        Self {
            id: product.id,
            slug: product.slug,
            name: product.name,
            image_url: product.image_url,
            category_id: product.category_id,
            price: lowest.map(|amount| Money::new(amount, currency)),
            in_stock,
            rating: RatingView::of(product.rating_count, product.rating_hundredths),
            created_at: product.created_at,
        }
    }
}

// === impl StaffProductListItem ===

impl StaffProductListItem {
    pub(super) fn of(listed: Listed, currency: Currency) -> Self {
        Self {
            status: listed.product.status,
            version: listed.product.version,
            product: ProductListItem::of(listed, currency),
        }
    }
}

// === impl ProductView ===

impl From<ProductPage> for ProductView {
    fn from(page: ProductPage) -> Self {
        let ProductPage { product, category, variants } = page;
        let variants: Vec<VariantView> = variants.into_iter().map(VariantView::from).collect();
        Self {
            id: product.id,
            slug: product.slug,
            name: product.name,
            description: product.description,
            image_url: product.image_url,
            category: category.map(CategoryLink::from),
            in_stock: variants.iter().any(|variant| variant.available > 0),
            variants,
            rating: RatingView::of(product.rating_count, product.rating_hundredths),
            created_at: product.created_at,
        }
    }
}

impl From<CategoryRow> for CategoryLink {
    fn from(row: CategoryRow) -> Self {
        Self { id: row.id, slug: row.slug, name: row.name }
    }
}

impl From<VariantDetails> for VariantView {
    fn from(details: VariantDetails) -> Self {
        let VariantDetails { variant, stock, prices } = details;
        Self {
            id: variant.id,
            sku: variant.sku,
            name: variant.name,
            prices,
            available: stock.stock().available(),
        }
    }
}

// === impl StaffProductView ===

impl From<StaffProduct> for StaffProductView {
    fn from(staff: StaffProduct) -> Self {
        let StaffProduct { product, variants } = staff;
        Self {
            id: product.id,
            slug: product.slug,
            name: product.name,
            description: product.description,
            image_url: product.image_url,
            category_id: product.category_id,
            status: product.status,
            version: product.version,
            created_at: product.created_at,
            variants: variants.into_iter().map(StaffVariantView::from).collect(),
        }
    }
}

impl From<StaffVariant> for StaffVariantView {
    fn from(staff: StaffVariant) -> Self {
        let StaffVariant { variant, prices } = staff;
        Self {
            id: variant.id,
            product_id: variant.product_id,
            sku: variant.sku,
            name: variant.name,
            status: variant.status,
            position: variant.position,
            version: variant.version,
            prices,
        }
    }
}

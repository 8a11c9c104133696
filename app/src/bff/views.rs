//! What pages answer.

use kernel::{Currency, Money, ProductId, Timestamp, UserId, VariantId};
use order_contract::CartSummary;
use product_contract::{ProductDetails, ReviewSummary, VariantDetails};
use serde::Serialize;
use user_contract::UserSummary;
use utoipa::ToSchema;

use super::parts::Shown;

/// A product's page in a browser.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebPage {
    /// The product.
    pub(super) product: ProductPart,
    /// The newest reviews by those who bought it.
    pub(super) reviews: Option<Vec<ReviewPart>>,
    /// Who has logged in.
    pub(super) customer: Option<CustomerPart>,
    /// What is in their cart.
    pub(super) cart: Option<CartPart>,
    /// Whether they have bought the product.
    pub(super) bought: Option<bool>,
    /// Seconds since the product was like this, when its module does not answer and this is the last known copy.
    pub(super) stale_seconds: Option<u64>,
    /// Parts that should be here and are not, because their module does not answer.
    #[schema(example = json!(["reviews"]))]
    pub(super) missing: Vec<&'static str>,
}

/// A product's page in an app: what fits a small screen.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MobilePage {
    id: ProductId,
    #[schema(example = "stoneware-mug")]
    slug: String,
    #[schema(example = "Stoneware Mug")]
    name: String,
    image_url: Option<String>,
    /// Mean of the ratings; null without any.
    #[schema(example = "4.50")]
    rating: Option<String>,
    /// The variants on sale.
    variants: Vec<MobileVariant>,
    /// Units in the cart of who has logged in.
    cart_units: Option<i64>,
    /// Seconds since the product was like this, when its module does not answer and this is the last known copy.
    stale_seconds: Option<u64>,
    /// Parts that should be here and are not, because their module does not answer.
    #[schema(example = json!(["cart"]))]
    missing: Vec<&'static str>,
}

/// A variant in an app.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MobileVariant {
    id: VariantId,
    name: String,
    /// In the currency asked for; null if it is not sold in it.
    price: Option<Money>,
    in_stock: bool,
}

/// A product.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProductPart {
    id: ProductId,
    #[schema(example = "stoneware-mug")]
    slug: String,
    #[schema(example = "Stoneware Mug")]
    name: String,
    description: String,
    image_url: Option<String>,
    /// Where it stands.
    category: Option<CategoryPart>,
    /// Its variants on sale, in the order they are shown.
    variants: Vec<VariantPart>,
    in_stock: bool,
    /// What buyers thought of it.
    rating: RatingPart,
    created_at: Timestamp,
}

/// A category.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CategoryPart {
    slug: String,
    name: String,
}

/// A variant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VariantPart {
    id: VariantId,
    sku: String,
    /// What sets it apart; empty when there is only one.
    name: String,
    /// One for each currency it is sold in.
    prices: Vec<Money>,
    /// Units that could be bought when this was read.
    available: i64,
}

/// What buyers thought.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RatingPart {
    /// Mean of the ratings; null without any.
    #[schema(example = "4.50")]
    average: Option<String>,
    count: i64,
}

/// A review.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReviewPart {
    id: String,
    author_id: UserId,
    /// 1 to 5 stars.
    rating: i32,
    title: String,
    body: String,
    created_at: Timestamp,
}

/// Who has logged in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CustomerPart {
    id: UserId,
    name: String,
}

/// What is in a cart.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CartPart {
    /// Different variants.
    lines: i64,
    /// Units of all of them together.
    units: i64,
}

// === impl MobilePage ===

impl MobilePage {
    pub(super) fn of(
        shown: &Shown,
        currency: Currency,
        cart: Option<CartSummary>,
        missing: Vec<&'static str>,
    ) -> Self {
        let product = &shown.product;
        let variants = product.variants.iter().map(|variant| MobileVariant {
            id: variant.id,
            name: variant.name.clone(),
            price: variant.prices.iter().find(|price| price.currency == currency).copied(),
            in_stock: variant.available > 0,
        });
        Self {
            id: product.id,
            slug: product.slug.clone(),
            name: product.name.clone(),
            image_url: product.image_url.clone(),
            rating: product.rating_average.clone(),
            variants: variants.collect(),
            cart_units: cart.map(|cart| cart.units),
            stale_seconds: shown.stale.map(|age| age.as_secs()),
            missing,
        }
    }
}

// === impl parts ===

impl From<&ProductDetails> for ProductPart {
    fn from(product: &ProductDetails) -> Self {
        let category = product.category.as_ref();
        Self {
            id: product.id,
            slug: product.slug.clone(),
            name: product.name.clone(),
            description: product.description.clone(),
            image_url: product.image_url.clone(),
            category: category
                .map(|category| CategoryPart { slug: category.slug.clone(), name: category.name.clone() }),
            variants: product.variants.iter().map(VariantPart::from).collect(),
            in_stock: product.variants.iter().any(|variant| variant.available > 0),
            rating: RatingPart { average: product.rating_average.clone(), count: product.rating_count },
            created_at: product.created_at,
        }
    }
}

impl From<&VariantDetails> for VariantPart {
    fn from(variant: &VariantDetails) -> Self {
        Self {
            id: variant.id,
            sku: variant.sku.clone(),
            name: variant.name.clone(),
            prices: variant.prices.clone(),
            available: variant.available,
        }
    }
}

impl From<ReviewSummary> for ReviewPart {
    fn from(review: ReviewSummary) -> Self {
        let ReviewSummary { id, author_id, rating, title, body, created_at } = review;
        Self { id, author_id, rating, title, body, created_at }
    }
}

impl From<UserSummary> for CustomerPart {
    fn from(user: UserSummary) -> Self {
        Self { id: user.id, name: user.name }
    }
}

impl From<CartSummary> for CartPart {
    fn from(cart: CartSummary) -> Self {
        Self { lines: cart.lines, units: cart.units }
    }
}

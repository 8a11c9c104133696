//! The module as other modules see it.

use kernel::{CallContext, CallError, EventBatch, Executed, Money, ReservationId, Timestamp, VariantId};
use product_contract::{
    CategoryName, GetVariants, NewestReviews, ProductDetails, ProductError, ProductName, Products, Reserve,
    ReviewSummary, VariantDetails, VariantSummary,
};

use crate::domain::rating::average;
use crate::error::Error;
use crate::service::{ProductPage, Service};
use crate::store::details::ProductRef;
use crate::store::stock;

const MODULE: &str = "product";
/// Most variants that can be asked for at once.
const MOST_IDS: usize = 100;
/// Most reviews that can be asked for at once.
const MOST_REVIEWS: u32 = 20;

type Outcome<T> = Result<T, CallError<ProductError>>;

#[async_trait::async_trait]
impl Products for Service {
    async fn get_variants(&self, context: CallContext, request: GetVariants) -> Outcome<Vec<VariantSummary>> {
        context.refuse_late(MODULE)?;
        if request.ids.len() > MOST_IDS {
            let reason = format!("at most {MOST_IDS} variants can be asked for at once");
            return Err(ProductError::Invalid { reason }.into());
        }
        self.summaries(request).await.map_err(into_call_error)
    }

    async fn get_product(&self, context: CallContext, name: ProductName) -> Outcome<ProductDetails> {
        context.refuse_late(MODULE)?;
        let page = self.product_page(named(&name)?).await.map_err(into_call_error)?;
        Ok(details(page))
    }

    async fn newest_reviews(
        &self,
        context: CallContext,
        request: NewestReviews,
    ) -> Outcome<Vec<ReviewSummary>> {
        context.refuse_late(MODULE)?;
        if !(1..=MOST_REVIEWS).contains(&request.limit) {
            let reason = format!("1 to {MOST_REVIEWS} reviews can be asked for at once");
            return Err(ProductError::Invalid { reason }.into());
        }
        let reviews = self.newest_reviews_of(named(&request.product)?, request.limit).await;
        let reviews = reviews.map_err(into_call_error)?.into_iter().map(|review| ReviewSummary {
            id: review.id.to_string(),
            author_id: review.user_id,
            rating: review.rating,
            title: review.title,
            body: review.body,
            created_at: review.created_at,
        });
        Ok(reviews.collect())
    }

    async fn reserve(&self, context: CallContext, request: Reserve) -> Outcome<()> {
        context.refuse_late(MODULE)?;
        Self::reserve(self, request).await.map_err(into_call_error)
    }

    async fn commit_reservation(&self, context: CallContext, id: ReservationId) -> Outcome<()> {
        context.refuse_late(MODULE)?;
        Self::commit_reservation(self, id).await.map_err(into_call_error)
    }

    async fn release_reservation(&self, context: CallContext, id: ReservationId) -> Outcome<()> {
        context.refuse_late(MODULE)?;
        Self::release_reservation(self, id).await.map_err(into_call_error)
    }

    async fn take_events(&self, context: CallContext, batch: EventBatch) -> Outcome<i64> {
        context.refuse_late(MODULE)?;
        Self::take_events(self, batch).await.map_err(into_call_error)
    }
}

impl Service {
    async fn summaries(&self, request: GetVariants) -> Result<Vec<VariantSummary>, Error> {
        let GetVariants { ids, currency } = request;
        self.store()
            .read_snapshot(move |db| {
                let rows = stock::summaries(db, &ids, currency)?;
                let found: Vec<VariantId> = rows.iter().map(|row| row.id).collect();
                let expired = stock::expired(db, &found, Timestamp::now())?;
                Ok(rows
                    .into_iter()
                    .map(|row| VariantSummary {
                        id: row.id,
                        product_id: row.product_id,
                        price: row.amount.map(|amount| Money::new(amount, currency)),
                        for_sale: row.for_sale(),
                        available: row.on_hand - row.reserved + expired.get(&row.id).copied().unwrap_or(0),
                        slug: row.slug,
                        sku: row.sku,
                        product_name: row.product_name,
                        variant_name: row.variant_name,
                    })
                    .collect())
            })
            .await
    }
}

/// What can be neither id nor slug names no product.
fn named(name: &ProductName) -> Result<ProductRef, CallError<ProductError>> {
    ProductRef::parse(&name.0).ok_or(CallError::Refused(ProductError::NotFound))
}

fn details(page: ProductPage) -> ProductDetails {
    let ProductPage { product, category, variants } = page;
    let variants = variants.into_iter().map(|details| VariantDetails {
        available: details.stock.stock().available(),
        id: details.variant.id,
        sku: details.variant.sku,
        name: details.variant.name,
        prices: details.prices,
    });
    ProductDetails {
        id: product.id,
        slug: product.slug,
        name: product.name,
        description: product.description,
        image_url: product.image_url,
        category: category.map(|category| CategoryName { slug: category.slug, name: category.name }),
        variants: variants.collect(),
        rating_average: average(product.rating_count, product.rating_hundredths),
        rating_count: product.rating_count,
        created_at: product.created_at,
    }
}

fn into_call_error(error: Error) -> CallError<ProductError> {
    match error {
        Error::ProductNotFound => ProductError::NotFound.into(),
        Error::Contract(refusal) => CallError::Refused(refusal),
        Error::Store(error) => error.into_call_error(MODULE),
        other => {
            // The contract's methods fail in no other way.
            log::error!("a contract method failed as it should not: {other}");
            CallError::Unavailable { module: MODULE, executed: Executed::No }
        }
    }
}

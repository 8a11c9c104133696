//! Asks the modules for the parts of a page.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::http::ApiError;
use kernel::{CallContext, CallError, ErrorCode, Executed, ProductId, UserId};
use order_contract::{CartSummary, HasBought};
use product_contract::{NewestReviews, ProductDetails, ProductError, ProductName, ReviewSummary};
use user_contract::{UserError, UserSummary};

use super::Bff;
use super::visitor::{Visitor, Who};

/// Longest that a page waits for a part that it can do without.
const OPTIONAL: Duration = Duration::from_secs(1);
/// Longest that it waits for the product before it shows the copy.
const PRODUCT: Duration = Duration::from_secs(3);
/// Reviews on a page.
const REVIEWS: u32 = 5;

/// A product as the page shows it.
pub(super) struct Shown {
    pub(super) product: Arc<ProductDetails>,
    /// How old it is, if it is a copy because the product module does not answer.
    pub(super) stale: Option<Duration>,
}

/// A part that a page can do without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<T> {
    Here(T),
    /// There is none, as a cart of somebody who has not logged in.
    None,
    /// Its module does not answer.
    Missing,
}

// === impl Bff ===

impl Bff {
    /// The product, or its last known copy.
    ///
    /// # Errors
    /// 404 when there is no such product, 503 when nobody knows.
    pub(super) async fn product(&self, visitor: &Visitor, name: &ProductName) -> Result<Shown, ApiError> {
        let context = within(&visitor.context, PRODUCT);
        let asked = in_time(&context, "product", async {
            self.handles.products.enter()?.get_product(context.clone(), name.clone()).await
        });
        match asked.await {
            Ok(product) => {
                let product = Arc::new(product);
                self.products.keep(name.clone(), Arc::clone(&product), Instant::now());
                Ok(Shown { product, stale: None })
            }
            Err(CallError::Refused(ProductError::NotFound)) => {
                self.products.forget(name);
                Err(ApiError::new(ErrorCode::ProductNotFound))
            }
            Err(error) => match self.products.get(name, Instant::now()) {
                Some((product, age)) => {
                    note("product", &error);
                    Ok(Shown { product, stale: Some(age) })
                }
                None => {
                    log::warn!("a page without a product: {error}");
                    Err(ApiError::new(ErrorCode::ModuleUnavailable))
                }
            },
        }
    }

    /// What buyers say of it.
    pub(super) async fn reviews(&self, visitor: &Visitor, name: &ProductName) -> Part<Vec<ReviewSummary>> {
        let context = within(&visitor.context, OPTIONAL);
        let request = NewestReviews { product: name.clone(), limit: REVIEWS };
        let asked = in_time(&context, "product", async {
            self.handles.products.enter()?.newest_reviews(context.clone(), request).await
        });
        match asked.await {
            // What became of the product itself says so.
            Err(CallError::Refused(ProductError::NotFound)) => Part::None,
            asked => Part::of("reviews", asked),
        }
    }

    /// Who is asking.
    pub(super) async fn customer(&self, visitor: &Visitor) -> Part<UserSummary> {
        let Some(id) = visitor.who.part() else { return Part::Missing };
        let Some(id) = id else { return Part::None };
        let context = within(&visitor.context, OPTIONAL);
        let asked = in_time(&context, "user", async {
            self.handles.users.enter()?.get_user(context.clone(), id).await
        });
        match asked.await {
            // The account was closed after its token was made.
            Err(CallError::Refused(UserError::NotFound)) => Part::None,
            asked => Part::of("customer", asked),
        }
    }

    /// What is in their cart.
    pub(super) async fn cart(&self, visitor: &Visitor) -> Part<CartSummary> {
        let Some(id) = visitor.who.part() else { return Part::Missing };
        let Some(id) = id else { return Part::None };
        let context = within(&visitor.context, OPTIONAL);
        let asked = in_time(&context, "order", async {
            self.handles.orders.enter()?.get_cart_summary(context.clone(), id).await
        });
        Part::of("cart", asked.await)
    }

    /// Whether they have bought the product.
    pub(super) async fn bought(&self, visitor: &Visitor, product_id: ProductId) -> Part<bool> {
        let Some(id) = visitor.who.part() else { return Part::Missing };
        let Some(user_id) = id else { return Part::None };
        let context = within(&visitor.context, OPTIONAL);
        let asked = in_time(&context, "order", async {
            let request = HasBought { user_id, product_id };
            self.handles.orders.enter()?.has_bought(context.clone(), request).await
        });
        Part::of("bought", asked.await)
    }
}

/// The context with so much time at most, and never more than half of what is left: the page must still be sent.
fn within(context: &CallContext, most: Duration) -> CallContext {
    let now = Instant::now();
    let half = context.deadline.saturating_duration_since(now) / 2;
    CallContext { deadline: now + half.min(most), trace: context.trace.child(), ..context.clone() }
}

/// A module in this process is not broken off at its deadline by itself.
async fn in_time<T, E>(
    context: &CallContext,
    module: &'static str,
    call: impl Future<Output = Result<T, CallError<E>>>,
) -> Result<T, CallError<E>> {
    let answered = tokio::time::timeout_at(context.deadline.into(), call).await;
    answered.unwrap_or(Err(CallError::TimedOut { module, executed: Executed::Maybe }))
}

/// A part is missing or old.
fn note(part: &'static str, why: &impl std::fmt::Display) {
    metrics::counter!("banyan_bff_missing_parts_total", "part" => part).increment(1);
    log::warn!("a page without its {part}, or with an old one: {why}");
}

// === impl Who ===

impl Who {
    /// Whose the personal parts are; none within if nobody's, none at all if nobody can tell.
    fn part(self) -> Option<Option<UserId>> {
        match self {
            Self::Anybody => Some(None),
            Self::User(id) => Some(Some(id)),
            Self::Unknown => None,
        }
    }
}

// === impl Part ===

impl<T> Part<T> {
    fn of<E: std::error::Error>(name: &'static str, asked: Result<T, CallError<E>>) -> Self {
        match asked {
            Ok(part) => Self::Here(part),
            Err(error) => {
                note(name, &error);
                Self::Missing
            }
        }
    }

    /// The part, if it is there. A missing one is added to `missing`.
    pub(super) fn or_missing(self, name: &'static str, missing: &mut Vec<&'static str>) -> Option<T> {
        match self {
            Self::Here(part) => Some(part),
            Self::None => None,
            Self::Missing => {
                missing.push(name);
                None
            }
        }
    }
}

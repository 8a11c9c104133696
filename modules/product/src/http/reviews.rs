//! `/api/v1/products/{id_or_slug}/reviews` and `/api/v1/reviews`: what buyers say.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use kernel::http::{ApiError, Call, Effect, ErrorBody, Json, Login, Query, page_response, path_id};
use kernel::idempotency::Answer;
use kernel::store::StoreError;
use kernel::{ErrorCode, Page, ProductId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::Walk;
use super::{cacheable, product_ref};
use crate::domain::ReviewId;
use crate::domain::draft::Problems;
use crate::domain::rating::Rating;
use crate::domain::text::{ReviewBody, ReviewTitle};
use crate::error::Error;
use crate::service::{ReviewChange, ReviewDraft, Service};
use crate::store::reviews::ReviewRow;

/// A review to publish.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewReview {
    /// 1 to 5 stars.
    #[schema(example = 5, minimum = 1, maximum = 5)]
    rating: i64,
    /// Headline, up to 120 characters.
    #[serde(default)]
    #[schema(example = "Keeps the tea warm")]
    title: String,
    /// Text, 1 to 5 000 characters.
    #[schema(example = "Bought two, will buy more.")]
    body: String,
}

/// What to change of a review; a field that is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReviewPatch {
    /// 1 to 5 stars.
    rating: Option<i64>,
    /// Headline.
    title: Option<String>,
    /// Text.
    body: Option<String>,
}

/// A review by somebody who bought the product.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReviewView {
    /// Names it.
    id: ReviewId,
    /// The product.
    product_id: ProductId,
    /// Who wrote it.
    author_id: UserId,
    /// 1 to 5 stars.
    rating: i32,
    /// Headline; may be empty.
    title: String,
    /// Text.
    body: String,
    /// When it was written.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

/// The reviews of a product, the newest first.
#[utoipa::path(
    tag = "product",
    params(("id_or_slug" = String, Path, description = "The product's id or slug"), Walk),
    responses(
        (status = 200, description = "A page of reviews", body = Page<ReviewView>),
        (status = 400, description = "`INVALID_PARAMETER`, `INVALID_CURSOR`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 404, description = "`PRODUCT_NOT_FOUND`", body = ErrorBody),
    )
)]
#[get("/api/v1/products/{id_or_slug}/reviews")]
pub(super) async fn list_reviews(
    request: HttpRequest,
    service: web::Data<Service>,
    name: web::Path<String>,
    walk: Query<Walk>,
) -> Result<HttpResponse, ApiError> {
    let product = service.product_on_sale(product_ref(&name)?).await?;
    let list = format!("reviews of {product}");
    let paging = service.cursors().paging(&list, walk.0.limit, walk.0.cursor.as_deref())?;
    let page = service
        .reviews(product, paging.after, paging.limit, |last| service.cursors().encode(&list, last))
        .await?;
    Ok(cacheable(&request, &service, page_response(&request, &page.map(ReviewView::from))))
}

/// Publishes a review of a product that the account has bought; one for each account and product.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(
        ("id_or_slug" = String, Path, description = "The product's id or slug"),
        ("Idempotency-Key" = Option<String>, Header, description = "16 to 255 visible ASCII characters"),
    ),
    request_body = NewReview,
    responses(
        (status = 201, description = "Published", body = ReviewView),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`, `IDEMPOTENCY_KEY_INVALID`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 404, description = "`PRODUCT_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`ALREADY_REVIEWED`, `IDEMPOTENCY_IN_PROGRESS`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`, `REVIEW_NOT_ALLOWED`, `IDEMPOTENCY_KEY_REUSED`", body = ErrorBody),
        (status = 503, description = "`MODULE_UNAVAILABLE`", body = ErrorBody),
    )
)]
#[post("/api/v1/products/{id_or_slug}/reviews")]
pub(super) async fn create_review(
    service: web::Data<Service>,
    login: Login,
    call: Call,
    name: web::Path<String>,
    effect: Effect<NewReview>,
) -> Result<Answer, ApiError> {
    let key = effect.key();
    let draft = effect.body.parse()?;
    let product = service.product_on_sale(product_ref(&name)?).await?;
    Ok(service.create_review(call.0, login.user_id, product, draft, key, published).await?)
}

fn published(review: &ReviewRow) -> Result<Answer, StoreError> {
    let answer = Answer::json(StatusCode::CREATED, &ReviewView::from(review.clone()))?;
    Ok(answer.header(header::LOCATION.as_str(), format!("/api/v1/reviews/{}", review.id)))
}

/// Changes a review of one's own.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(("id" = ReviewId, Path, description = "The review")),
    request_body = ReviewPatch,
    responses(
        (status = 200, description = "The review as it is now", body = ReviewView),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 404, description = "`REVIEW_NOT_FOUND`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`", body = ErrorBody),
    )
)]
#[patch("/api/v1/reviews/{id}")]
pub(super) async fn change_review(
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
    body: Json<ReviewPatch>,
) -> Result<HttpResponse, ApiError> {
    let id = path_id(&id, ErrorCode::ReviewNotFound)?;
    let review = service.change_review(login.user_id, id, body.0.parse()?).await?;
    Ok(HttpResponse::Ok().json(ReviewView::from(review)))
}

/// Deletes a review of one's own.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(("id" = ReviewId, Path, description = "The review")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 404, description = "`REVIEW_NOT_FOUND`", body = ErrorBody),
    )
)]
#[delete("/api/v1/reviews/{id}")]
pub(super) async fn delete_review(
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    service.delete_review(login.user_id, path_id(&id, ErrorCode::ReviewNotFound)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

// === impl NewReview ===

impl NewReview {
    fn parse(&self) -> Result<ReviewDraft, Error> {
        let mut problems = Problems::default();
        let rating = problems.take("rating", Rating::parse(self.rating));
        let title = problems.take("title", ReviewTitle::parse(&self.title));
        let body = problems.take("body", ReviewBody::parse(&self.body));
        let draft = rating.zip(title).zip(body);
        let draft = draft.map(|((rating, title), body)| ReviewDraft { rating, title, body });
        problems.finish(draft).map_err(Error::Invalid)
    }
}

// === impl ReviewPatch ===

impl ReviewPatch {
    fn parse(&self) -> Result<ReviewChange, Error> {
        let mut problems = Problems::default();
        let rating = problems.take_if("rating", self.rating.map(Rating::parse));
        let title = problems.take_if("title", self.title.as_deref().map(ReviewTitle::parse));
        let body = problems.take_if("body", self.body.as_deref().map(ReviewBody::parse));
        let change = rating.zip(title).zip(body);
        let change = change.map(|((rating, title), body)| ReviewChange { rating, title, body });
        problems.finish(change).map_err(Error::Invalid)
    }
}

// === impl ReviewView ===

impl From<ReviewRow> for ReviewView {
    fn from(row: ReviewRow) -> Self {
        Self {
            id: row.id,
            product_id: row.product_id,
            author_id: row.user_id,
            rating: row.rating,
            title: row.title,
            body: row.body,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

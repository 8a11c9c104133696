//! `/api/v1/admin/stock`: what staff do with stock.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use kernel::http::{ApiError, Effect, ErrorBody, Login, Query, conditional, page_response, path_id};
use kernel::idempotency::Answer;
use kernel::store::StoreError;
use kernel::{ErrorCode, Page, Permission, Timestamp, UserId, VariantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::Walk;
use crate::domain::MovementId;
use crate::domain::draft::Problems;
use crate::domain::stock::Stock;
use crate::domain::text::Reason;
use crate::error::Error;
use crate::service::{Adjustment, Service};
use crate::store::movements::MovementRow;

/// Stock of a variant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StockView {
    /// The variant.
    variant_id: VariantId,
    /// Units in the house: the sum of its movements.
    on_hand: i64,
    /// Units of them that are held for orders being placed.
    reserved: i64,
    /// Units that are free.
    available: i64,
}

/// Units that came or went.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MovementView {
    /// Names it.
    id: MovementId,
    /// The units: below zero when they went.
    delta: i64,
    /// Why.
    reason: String,
    /// The reservation it belongs to, if any.
    reference: Option<String>,
    /// The member of staff who made it, if any.
    by: Option<UserId>,
    /// When.
    at: Timestamp,
}

/// Units to add or to take out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAdjustment {
    /// The units: below zero to take out.
    #[schema(example = -2)]
    delta: i64,
    /// Why, 1 to 200 characters.
    #[schema(example = "broken in the warehouse")]
    reason: String,
}

/// An adjustment that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AdjustmentView {
    /// Its entry in the ledger.
    movement: MovementView,
    /// The stock after it.
    stock: StockView,
}

/// Stock of a variant.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(("variant_id" = VariantId, Path, description = "The variant")),
    responses(
        (status = 200, description = "The stock", body = StockView),
        (status = 304, description = "It is the one in `If-None-Match`"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`VARIANT_NOT_FOUND`", body = ErrorBody),
    )
)]
#[get("/api/v1/admin/stock/{variant_id}")]
pub(super) async fn read_stock(
    request: HttpRequest,
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageStock)?;
    let id = path_id(&id, ErrorCode::VariantNotFound)?;
    conditional(&request, &StockView::of(id, service.stock(id).await?))
}

/// The ledger of a variant's stock, the newest entry first.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(("variant_id" = VariantId, Path, description = "The variant"), Walk),
    responses(
        (status = 200, description = "A page of movements", body = Page<MovementView>),
        (status = 400, description = "`INVALID_PARAMETER`, `INVALID_CURSOR`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`VARIANT_NOT_FOUND`", body = ErrorBody),
    )
)]
#[get("/api/v1/admin/stock/{variant_id}/movements")]
pub(super) async fn list_movements(
    request: HttpRequest,
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
    walk: Query<Walk>,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageStock)?;
    let id = path_id(&id, ErrorCode::VariantNotFound)?;
    let list = format!("movements of {id}");
    let paging = service.cursors().paging(&list, walk.0.limit, walk.0.cursor.as_deref())?;
    let page = service
        .movements(id, paging.after, paging.limit, |last| service.cursors().encode(&list, last))
        .await?;
    Ok(page_response(&request, &page.map(MovementView::from)))
}

/// Adds units to a variant's stock or takes units out. Units that are held for orders cannot be taken out.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(
        ("variant_id" = VariantId, Path, description = "The variant"),
        ("Idempotency-Key" = String, Header, description = "16 to 255 visible ASCII characters"),
    ),
    request_body = NewAdjustment,
    responses(
        (status = 201, description = "Made", body = AdjustmentView),
        (status = 400, description = "`IDEMPOTENCY_KEY_REQUIRED`, `IDEMPOTENCY_KEY_INVALID`, `MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`VARIANT_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`IDEMPOTENCY_IN_PROGRESS`", body = ErrorBody),
        (status = 422, description = "`INSUFFICIENT_STOCK`, `VALIDATION_FAILED`, `IDEMPOTENCY_KEY_REUSED`", body = ErrorBody),
    )
)]
#[post("/api/v1/admin/stock/{variant_id}/adjustments")]
pub(super) async fn adjust_stock(
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
    effect: Effect<NewAdjustment>,
) -> Result<Answer, ApiError> {
    login.require(Permission::ManageStock)?;
    let id = path_id(&id, ErrorCode::VariantNotFound)?;
    let key = effect.required_key()?;
    let mut problems = Problems::default();
    let reason = problems.take("reason", Reason::parse(&effect.body.reason));
    let reason = problems.finish(reason).map_err(Error::Invalid)?;
    Ok(service.adjust_stock(id, effect.body.delta, reason, login.user_id, key, made).await?)
}

fn made(adjustment: &Adjustment) -> Result<Answer, StoreError> {
    let Adjustment { movement, stock } = adjustment;
    let view = AdjustmentView {
        stock: StockView::of(movement.variant_id, *stock),
        movement: MovementView::from(movement.clone()),
    };
    Answer::json(StatusCode::CREATED, &view)
}

// === impl StockView ===

impl StockView {
    fn of(variant_id: VariantId, stock: Stock) -> Self {
        Self { variant_id, on_hand: stock.on_hand, reserved: stock.reserved, available: stock.available() }
    }
}

// === impl MovementView ===

impl From<MovementRow> for MovementView {
    fn from(row: MovementRow) -> Self {
        Self {
            id: row.id,
            delta: row.delta,
            reason: row.reason,
            reference: row.reference,
            by: row.actor,
            at: row.moved_at,
        }
    }
}

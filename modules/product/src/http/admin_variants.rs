//! `/api/v1/admin/variants`: what staff do with variants and prices.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, put, web};
use kernel::http::{ApiError, ETag, Effect, ErrorBody, IfMatch, Json, Login, path_id, versioned};
use kernel::idempotency::Answer;
use kernel::store::StoreError;
use kernel::{Currency, ErrorCode, Money, Permission, ProductId, VariantId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::views::StaffVariantView;
use super::{invalid_parameter, tagged};
use crate::domain::draft::{Problems, VariantChange, VariantDraft, parse_opening_stock, parse_prices};
use crate::domain::price::parse_amount;
use crate::domain::status::VariantStatus;
use crate::domain::text::{InvalidText, Sku, VariantName};
use crate::error::Error;
use crate::service::{Service, StaffVariant};

/// A variant to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewVariant {
    /// Stock keeping unit: 1 to 64 letters, digits, `-`, `_`, `.`.
    #[schema(example = "STON-MUG-MSS")]
    pub(super) sku: String,
    /// What sets it apart, up to 100 characters; empty when there is only one.
    #[serde(default)]
    #[schema(example = "Moss")]
    name: String,
    /// Whether it is on sale; `active` when it is absent.
    status: Option<VariantStatus>,
    /// Its prices, one for each currency.
    #[serde(default)]
    prices: Vec<Money>,
    /// Opening stock, in units.
    #[serde(default)]
    #[schema(example = 25)]
    stock: i64,
}

/// What to change of a variant; a field that is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VariantPatch {
    /// Stock keeping unit.
    sku: Option<String>,
    /// What sets it apart.
    name: Option<String>,
    /// Whether it is on sale.
    status: Option<VariantStatus>,
    /// Where it stands among the variants of its product, from 0.
    position: Option<i32>,
}

/// A price in the currency of the address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PriceAmount {
    /// Minor units.
    #[schema(example = 1250)]
    amount: i64,
}

/// Adds a variant to a product, behind the others.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(
        ("id" = ProductId, Path, description = "The product"),
        ("Idempotency-Key" = Option<String>, Header, description = "16 to 255 visible ASCII characters"),
    ),
    request_body = NewVariant,
    responses(
        (status = 201, description = "Made; `ETag` is its version", body = StaffVariantView),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`, `IDEMPOTENCY_KEY_INVALID`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`PRODUCT_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`SKU_TAKEN`, `IDEMPOTENCY_IN_PROGRESS`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_KEY_REUSED`", body = ErrorBody),
    )
)]
#[post("/api/v1/admin/products/{id}/variants")]
pub(super) async fn create_variant(
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
    effect: Effect<NewVariant>,
) -> Result<Answer, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let product = path_id(&id, ErrorCode::ProductNotFound)?;
    let mut problems = Problems::default();
    let draft = effect.body.parse(&mut problems, "");
    let draft = problems.finish(draft).map_err(Error::Invalid)?;
    Ok(service.create_variant(product, draft, login.user_id, effect.key(), made).await?)
}

fn made(staff: &StaffVariant) -> Result<Answer, StoreError> {
    let answer = Answer::json(StatusCode::CREATED, &StaffVariantView::from(staff.clone()))?;
    Ok(answer
        .header(header::LOCATION.as_str(), format!("/api/v1/admin/variants/{}", staff.variant.id))
        .header(header::ETAG.as_str(), ETag::of_version(staff.variant.version).as_str()))
}

/// A variant of any status.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(("id" = VariantId, Path, description = "The variant")),
    responses(
        (status = 200, description = "The variant; `ETag` is its version", body = StaffVariantView),
        (status = 304, description = "It is the one in `If-None-Match`"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`VARIANT_NOT_FOUND`", body = ErrorBody),
    )
)]
#[get("/api/v1/admin/variants/{id}")]
pub(super) async fn read_staff_variant(
    request: HttpRequest,
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let staff = service.staff_variant(path_id(&id, ErrorCode::VariantNotFound)?).await?;
    let version = staff.variant.version;
    versioned(&request, &StaffVariantView::from(staff), version)
}

/// Changes a variant.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(
        ("id" = VariantId, Path, description = "The variant"),
        ("If-Match" = String, Header, description = "`ETag` of the variant as it was read"),
    ),
    request_body = VariantPatch,
    responses(
        (status = 200, description = "The variant as it is now, with its new `ETag`", body = StaffVariantView),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`VARIANT_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`SKU_TAKEN`", body = ErrorBody),
        (status = 412, description = "`PRECONDITION_FAILED`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`", body = ErrorBody),
        (status = 428, description = "`PRECONDITION_REQUIRED`", body = ErrorBody),
    )
)]
#[patch("/api/v1/admin/variants/{id}")]
pub(super) async fn change_variant(
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
    if_match: IfMatch,
    body: Json<VariantPatch>,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let id = path_id(&id, ErrorCode::VariantNotFound)?;
    let staff = service.change_variant(id, if_match.into(), body.0.parse()?).await?;
    Ok(tagged(StatusCode::OK, staff.variant.version, &StaffVariantView::from(staff)))
}

/// Takes a variant off sale. It stays for the orders that name it, and can be put back by changing its status.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(
        ("id" = VariantId, Path, description = "The variant"),
        ("If-Match" = String, Header, description = "`ETag` of the variant as it was read"),
    ),
    responses(
        (status = 204, description = "Archived; `ETag` is its new version"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`VARIANT_NOT_FOUND`", body = ErrorBody),
        (status = 412, description = "`PRECONDITION_FAILED`", body = ErrorBody),
        (status = 428, description = "`PRECONDITION_REQUIRED`", body = ErrorBody),
    )
)]
#[delete("/api/v1/admin/variants/{id}")]
pub(super) async fn archive_variant(
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
    if_match: IfMatch,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let id = path_id(&id, ErrorCode::VariantNotFound)?;
    let staff = service.archive_variant(id, if_match.into()).await?;
    let tag = ETag::of_version(staff.variant.version);
    Ok(HttpResponse::NoContent().insert_header((header::ETAG, tag.as_str())).finish())
}

/// Sets a variant's price in one currency.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(
        ("id" = VariantId, Path, description = "The variant"),
        ("currency" = Currency, Path, description = "The currency"),
        ("If-Match" = String, Header, description = "`ETag` of the variant as it was read"),
    ),
    request_body = PriceAmount,
    responses(
        (status = 200, description = "The variant as it is now, with its new `ETag`", body = StaffVariantView),
        (status = 400, description = "`INVALID_PARAMETER`, `MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`VARIANT_NOT_FOUND`", body = ErrorBody),
        (status = 412, description = "`PRECONDITION_FAILED`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`", body = ErrorBody),
        (status = 428, description = "`PRECONDITION_REQUIRED`", body = ErrorBody),
    )
)]
#[put("/api/v1/admin/variants/{id}/prices/{currency}")]
pub(super) async fn set_price(
    service: web::Data<Service>,
    login: Login,
    path: web::Path<(String, String)>,
    if_match: IfMatch,
    body: Json<PriceAmount>,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let (id, currency) = path.into_inner();
    let id = path_id(&id, ErrorCode::VariantNotFound)?;
    let currency: Currency = currency.parse().map_err(|error| invalid_parameter("currency", error))?;
    let mut problems = Problems::default();
    let amount = problems.take("amount", parse_amount(body.0.amount));
    let amount = problems.finish(amount).map_err(Error::Invalid)?;
    let staff = service.set_price(id, if_match.into(), Money::new(amount, currency)).await?;
    Ok(tagged(StatusCode::OK, staff.variant.version, &StaffVariantView::from(staff)))
}

// === impl NewVariant ===

impl NewVariant {
    /// Checks the fields, which stand in the body behind `prefix`.
    pub(super) fn parse(&self, problems: &mut Problems, prefix: &str) -> Option<VariantDraft> {
        let sku = problems.take(format!("{prefix}sku"), Sku::parse(&self.sku));
        let name = problems.take(format!("{prefix}name"), VariantName::parse(&self.name));
        let stock = problems.take(format!("{prefix}stock"), parse_opening_stock(self.stock));
        let prices = parse_prices(problems, &format!("{prefix}prices"), &self.prices);
        Some(VariantDraft {
            sku: sku?,
            name: name?,
            status: self.status.unwrap_or(VariantStatus::Active),
            prices: prices?,
            stock: stock?,
        })
    }
}

// === impl VariantPatch ===

impl VariantPatch {
    fn parse(&self) -> Result<VariantChange, Error> {
        let mut problems = Problems::default();
        let sku = problems.take_if("sku", self.sku.as_deref().map(Sku::parse));
        let name = problems.take_if("name", self.name.as_deref().map(VariantName::parse));
        let position = self.position.map(|position| match position {
            0.. => Ok(position),
            _ => Err(InvalidText("must not be negative".to_owned())),
        });
        let position = problems.take_if("position", position);
        let change = sku.zip(name).zip(position);
        let status = self.status;
        let change = change.map(|((sku, name), position)| VariantChange { sku, name, status, position });
        problems.finish(change).map_err(Error::Invalid)
    }
}

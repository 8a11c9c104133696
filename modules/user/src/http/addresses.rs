//! `/api/v1/users/me/addresses`: the address book of the account.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use kernel::http::{ApiError, Effect, ErrorBody, Json, Query, conditional, page_response, path_id};
use kernel::idempotency::Answer;
use kernel::store::StoreError;
use kernel::{ErrorCode, Page, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::member::Member;
use super::nullable;
use super::sessions::Walk;
use crate::domain::{Address, AddressId, AddressPatch, AddressText, NewAddress};
use crate::service::Service;

/// An address to keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSavedAddress {
    /// Who lives there, 1 to 100 characters.
    #[schema(example = "Ada Lovelace")]
    name: String,
    /// Street and number, 1 to 200 characters.
    #[schema(example = "12 St James's Square")]
    line1: String,
    /// Flat, floor, company, up to 200 characters.
    line2: Option<String>,
    /// City, 1 to 100 characters.
    #[schema(example = "London")]
    city: String,
    /// State, province, county, up to 100 characters.
    region: Option<String>,
    /// Postal code, 1 to 20 characters.
    #[schema(example = "SW1Y 4LB")]
    postal_code: String,
    /// ISO 3166-1 alpha-2.
    #[schema(example = "GB")]
    country: String,
    /// For the carrier, up to 32 characters.
    phone: Option<String>,
    /// Makes it the default, in place of the one that was. The first address is the default anyway.
    #[serde(default)]
    is_default: bool,
}

/// What to change of an address; a field that is absent stays, an optional one that is null is cleared.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SavedAddressPatch {
    /// Who lives there.
    name: Option<String>,
    /// Street and number.
    line1: Option<String>,
    /// Flat, floor, company.
    #[serde(default, deserialize_with = "nullable")]
    line2: Option<Option<String>>,
    /// City.
    city: Option<String>,
    /// State, province, county.
    #[serde(default, deserialize_with = "nullable")]
    region: Option<Option<String>>,
    /// Postal code.
    postal_code: Option<String>,
    /// ISO 3166-1 alpha-2.
    country: Option<String>,
    /// For the carrier.
    #[serde(default, deserialize_with = "nullable")]
    phone: Option<Option<String>>,
    /// Makes it the default, or leaves the account without one.
    is_default: Option<bool>,
}

/// An address of the account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SavedAddress {
    /// Names it.
    id: AddressId,
    /// Who lives there.
    name: String,
    /// Street and number.
    line1: String,
    /// Flat, floor, company.
    line2: Option<String>,
    /// City.
    city: String,
    /// State, province, county.
    region: Option<String>,
    /// Postal code.
    postal_code: String,
    /// ISO 3166-1 alpha-2.
    country: String,
    /// For the carrier.
    phone: Option<String>,
    /// Whether it is the default; at most one is.
    is_default: bool,
    /// When it was added.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

/// The addresses of the account, the oldest first.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    params(Walk),
    responses(
        (status = 200, description = "The addresses", body = Page<SavedAddress>),
        (status = 400, description = "`INVALID_PARAMETER`, `INVALID_CURSOR`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
    )
)]
#[get("/api/v1/users/me/addresses")]
pub(super) async fn list_addresses(
    request: HttpRequest,
    service: web::Data<Service>,
    member: Member,
    walk: Query<Walk>,
) -> Result<HttpResponse, ApiError> {
    let list = format!("addresses of {}", member.user_id);
    let paging = service.cursors().paging(&list, walk.0.limit, walk.0.cursor.as_deref())?;
    let limit = paging.limit;
    let rows = service.addresses(member.user_id, paging).await?;
    let page = Page::cut(rows, limit, |last| service.cursors().encode(&list, &last.id));
    Ok(page_response(&request, &page.map(SavedAddress::from)))
}

/// Adds an address to the account, which has at most 50.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "16 to 255 visible ASCII characters")),
    request_body = NewSavedAddress,
    responses(
        (status = 201, description = "Added", body = SavedAddress),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`, `IDEMPOTENCY_KEY_INVALID`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 409, description = "`IDEMPOTENCY_IN_PROGRESS`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_KEY_REUSED`", body = ErrorBody),
    )
)]
#[post("/api/v1/users/me/addresses")]
pub(super) async fn create_address(
    service: web::Data<Service>,
    member: Member,
    effect: Effect<NewSavedAddress>,
) -> Result<Answer, ApiError> {
    let key = effect.key();
    let place = NewAddress::parse(&effect.body.into()).map_err(crate::Error::from)?;
    Ok(service.add_address(member.user_id, place, key, added).await?)
}

fn added(address: &Address) -> Result<Answer, StoreError> {
    let answer = Answer::json(StatusCode::CREATED, &SavedAddress::from(address.clone()))?;
    Ok(answer.header(header::LOCATION.as_str(), format!("/api/v1/users/me/addresses/{}", address.id)))
}

/// One address of the account.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    params(("id" = AddressId, Path, description = "The address")),
    responses(
        (status = 200, description = "The address", body = SavedAddress),
        (status = 304, description = "It is the one in `If-None-Match`"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 404, description = "`ADDRESS_NOT_FOUND`", body = ErrorBody),
    )
)]
#[get("/api/v1/users/me/addresses/{id}")]
pub(super) async fn read_address(
    request: HttpRequest,
    service: web::Data<Service>,
    member: Member,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = path_id(&id, ErrorCode::AddressNotFound)?;
    conditional(&request, &SavedAddress::from(service.address(member.user_id, id).await?))
}

/// Changes one address of the account.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    params(("id" = AddressId, Path, description = "The address")),
    request_body = SavedAddressPatch,
    responses(
        (status = 200, description = "The address as it is now", body = SavedAddress),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 404, description = "`ADDRESS_NOT_FOUND`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`", body = ErrorBody),
    )
)]
#[patch("/api/v1/users/me/addresses/{id}")]
pub(super) async fn change_address(
    service: web::Data<Service>,
    member: Member,
    id: web::Path<String>,
    body: Json<SavedAddressPatch>,
) -> Result<HttpResponse, ApiError> {
    let id = path_id(&id, ErrorCode::AddressNotFound)?;
    let address = service.change_address(member.user_id, id, body.0.into()).await?;
    Ok(HttpResponse::Ok().json(SavedAddress::from(address)))
}

/// Deletes one address of the account. No other becomes the default in its place.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    params(("id" = AddressId, Path, description = "The address")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 404, description = "`ADDRESS_NOT_FOUND`", body = ErrorBody),
    )
)]
#[delete("/api/v1/users/me/addresses/{id}")]
pub(super) async fn delete_address(
    service: web::Data<Service>,
    member: Member,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    service.delete_address(member.user_id, path_id(&id, ErrorCode::AddressNotFound)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

// === impl NewSavedAddress ===

impl From<NewSavedAddress> for AddressText {
    fn from(body: NewSavedAddress) -> Self {
        let NewSavedAddress { name, line1, line2, city, region, postal_code, country, phone, is_default } =
            body;
        Self { name, line1, line2, city, region, postal_code, country, phone, is_default }
    }
}

// === impl SavedAddressPatch ===

impl From<SavedAddressPatch> for AddressPatch {
    fn from(body: SavedAddressPatch) -> Self {
        let SavedAddressPatch { name, line1, line2, city, region, postal_code, country, phone, is_default } =
            body;
        Self { name, line1, line2, city, region, postal_code, country, phone, is_default }
    }
}

// === impl SavedAddress ===

impl From<Address> for SavedAddress {
    fn from(address: Address) -> Self {
        let Address { id, place, created_at, updated_at } = address;
        let NewAddress { name, line1, line2, city, region, postal_code, country, phone, is_default } = place;
        Self {
            id,
            name,
            line1,
            line2,
            city,
            region,
            postal_code,
            country,
            phone,
            is_default,
            created_at,
            updated_at,
        }
    }
}

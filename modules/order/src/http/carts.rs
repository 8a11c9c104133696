//! `/api/v1/carts`.

use actix_web::{HttpRequest, HttpResponse, delete, get, post, put, web};
use kernel::http::{ApiError, Call, ErrorBody, GuestToken, Json, Login, MaybeLogin, conditional, path_id};
use kernel::{CartId, Currency, ErrorCode, VariantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::Cart;
use super::visitor;
use crate::error::Error;
use crate::service::Service;

/// Opens a cart.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenCart {
    /// Currency of the prices; EUR if none is given.
    #[serde(default)]
    currency: Option<Currency>,
}

/// A cart that was opened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenedCart {
    id: CartId,
    currency: Currency,
    /// The guest's secret, sent as `X-Guest-Token` from now on. Shown once; null for a user's cart.
    guest_token: Option<String>,
}

/// Units of a variant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetItem {
    /// 0 takes the variant out.
    #[schema(minimum = 0, maximum = 999)]
    quantity: i64,
}

/// Takes a guest's cart over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimCart {
    /// The guest's secret.
    guest_token: String,
}

/// Opens a cart: a user's, of whom each has one, or a guest's. Takes no `Idempotency-Key`: its answer holds a secret, which must not be
/// kept, and a cart too many does no harm.
#[utoipa::path(tag = "order", request_body = OpenCart,
    responses((status = 201, body = OpenedCart), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
#[post("/api/v1/carts")]
pub(crate) async fn open_cart(
    service: web::Data<Service>,
    login: MaybeLogin,
    guest: GuestToken,
    body: Json<OpenCart>,
) -> Result<HttpResponse, ApiError> {
    let currency = body.0.currency.unwrap_or(Currency::EUR);
    let (cart, guest_token) = service.open_cart(&visitor(&login, &guest), currency).await?;
    Ok(HttpResponse::Created()
        .insert_header(("location", format!("/api/v1/carts/{}", cart.id)))
        .json(OpenedCart { id: cart.id, currency: cart.currency, guest_token }))
}

/// A cart with what its items cost now.
#[utoipa::path(tag = "order", params(("id" = CartId, Path), ("X-Guest-Token" = Option<String>, Header)),
    responses((status = 200, body = Cart), (status = 304), (status = 404, body = ErrorBody)))]
#[get("/api/v1/carts/{id}")]
pub(crate) async fn get_cart(
    request: HttpRequest,
    service: web::Data<Service>,
    call: Call,
    login: MaybeLogin,
    guest: GuestToken,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = path_id(&id, ErrorCode::CartNotFound)?;
    let view = service.get_cart(&call.0, &visitor(&login, &guest), id).await?;
    conditional(&request, &Cart::from(view))
}

/// Throws a cart away, unless it has become an order.
#[utoipa::path(tag = "order", params(("id" = CartId, Path), ("X-Guest-Token" = Option<String>, Header)),
    responses((status = 204), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
#[delete("/api/v1/carts/{id}")]
pub(crate) async fn delete_cart(
    service: web::Data<Service>,
    login: MaybeLogin,
    guest: GuestToken,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = path_id(&id, ErrorCode::CartNotFound)?;
    service.delete_cart(&visitor(&login, &guest), id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Sets the units of one variant.
#[utoipa::path(tag = "order", request_body = SetItem,
    params(("id" = CartId, Path), ("variant_id" = VariantId, Path), ("X-Guest-Token" = Option<String>, Header)),
    responses((status = 200, body = Cart), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
#[put("/api/v1/carts/{id}/items/{variant_id}")]
pub(crate) async fn set_cart_item(
    service: web::Data<Service>,
    call: Call,
    login: MaybeLogin,
    guest: GuestToken,
    path: web::Path<(String, String)>,
    body: Json<SetItem>,
) -> Result<HttpResponse, ApiError> {
    let (id, variant_id) = ids(&path)?;
    let view = service.set_item(&call.0, &visitor(&login, &guest), id, variant_id, body.0.quantity).await?;
    Ok(HttpResponse::Ok().json(Cart::from(view)))
}

/// Takes a variant out.
#[utoipa::path(tag = "order",
    params(("id" = CartId, Path), ("variant_id" = VariantId, Path), ("X-Guest-Token" = Option<String>, Header)),
    responses((status = 200, body = Cart), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
#[delete("/api/v1/carts/{id}/items/{variant_id}")]
pub(crate) async fn remove_cart_item(
    service: web::Data<Service>,
    call: Call,
    login: MaybeLogin,
    guest: GuestToken,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (id, variant_id) = ids(&path)?;
    let view = service.set_item(&call.0, &visitor(&login, &guest), id, variant_id, 0).await?;
    Ok(HttpResponse::Ok().json(Cart::from(view)))
}

/// Takes a guest's cart over, merged with one's own.
#[utoipa::path(tag = "order", request_body = ClaimCart, security(("bearer" = [])), params(("id" = CartId, Path)),
    responses((status = 200, body = Cart), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
#[post("/api/v1/carts/{id}/claim")]
pub(crate) async fn claim_cart(
    request: HttpRequest,
    service: web::Data<Service>,
    call: Call,
    login: Login,
    id: web::Path<String>,
    body: Json<ClaimCart>,
) -> Result<HttpResponse, ApiError> {
    let named: CartId = path_id(&id, ErrorCode::CartNotFound)?;
    let guest = crate::Visitor::new(None, Some(&body.0.guest_token));
    let me = crate::Visitor::new(Some((*login).clone()), None);
    // The secret must be that of the cart named, before or after it was claimed.
    if !service.is_cart_of(&guest, named).await? {
        return Err(Error::CartNotFound.into());
    }
    let id = service.claim_cart(login.user_id, &body.0.guest_token).await?;
    let view = service.get_cart(&call.0, &me, id).await?;
    conditional(&request, &Cart::from(view))
}

fn ids(path: &(String, String)) -> Result<(CartId, VariantId), ApiError> {
    Ok((path_id(&path.0, ErrorCode::CartNotFound)?, path_id(&path.1, ErrorCode::VariantNotFound)?))
}

//! `/api/v1/orders`.

use actix_web::{HttpRequest, HttpResponse, Responder, get, post, web};
use kernel::http::{
    ApiError, Effect, ErrorBody, GuestToken, Login, MaybeLogin, Query, conditional, page_response, path_id,
};
use kernel::{Detail, ErrorCode, OrderId, Page, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::checkout::{PaymentRequest, accepted};
use super::views::{OrderBody, OrderSummary};
use super::visitor;
use crate::domain::event::Event;
use crate::domain::order::Status;
use crate::service::Service;
use crate::store::orders::OrderFilter;

/// Which of one's orders to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListOrders {
    /// One status or several, separated by commas.
    status: Option<String>,
    /// Rows of a page, 1 to 100; 20 if not given.
    limit: Option<u32>,
    /// Where to go on.
    cursor: Option<String>,
}

/// Why an order shall be undone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelOrder {
    /// For the order's history.
    #[serde(default)]
    reason: Option<String>,
}

/// Something that happened to an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimelineEntry {
    /// What, as in `stock_reserved`.
    kind: &'static str,
    /// When.
    at: Timestamp,
}

/// An order's history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Timeline {
    /// The oldest first.
    data: Vec<TimelineEntry>,
}

/// One's own orders, the newest first.
#[utoipa::path(tag = "order", params(ListOrders), security(("bearer" = [])),
    responses((status = 200, body = Page<OrderSummary>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
#[get("/api/v1/orders")]
pub(crate) async fn list_orders(
    request: HttpRequest,
    service: web::Data<Service>,
    login: Login,
    query: Query<ListOrders>,
) -> Result<HttpResponse, ApiError> {
    let query = query.0;
    let list = format!("orders of {} {:?}", login.user_id, query.status);
    let paging = service.cursors().paging(&list, query.limit, query.cursor.as_deref())?;
    let filter = OrderFilter {
        user_id: Some(login.user_id),
        statuses: statuses(query.status.as_deref())?,
        ..OrderFilter::default()
    };
    let page = service.list_orders(filter, &list, paging).await?.map(OrderSummary::from);
    Ok(page_response(&request, &page))
}

/// One order: the buyer's own, or any for staff.
#[utoipa::path(tag = "order", params(("id" = OrderId, Path), ("X-Guest-Token" = Option<String>, Header)),
    responses((status = 200, body = OrderBody), (status = 304), (status = 404, body = ErrorBody)))]
#[get("/api/v1/orders/{id}")]
pub(crate) async fn get_order(
    request: HttpRequest,
    service: web::Data<Service>,
    login: MaybeLogin,
    guest: GuestToken,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = path_id(&id, ErrorCode::OrderNotFound)?;
    let order = service.get_order(&visitor(&login, &guest), id).await?;
    conditional(&request, &OrderBody::of(&order))
}

/// What happened to an order.
#[utoipa::path(tag = "order", params(("id" = OrderId, Path), ("X-Guest-Token" = Option<String>, Header)),
    responses((status = 200, body = Timeline), (status = 404, body = ErrorBody)))]
#[get("/api/v1/orders/{id}/events")]
pub(crate) async fn list_order_events(
    service: web::Data<Service>,
    login: MaybeLogin,
    guest: GuestToken,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = path_id(&id, ErrorCode::OrderNotFound)?;
    let history = service.history(&visitor(&login, &guest), id).await?;
    let entry = |(event, at): (Event, Timestamp)| TimelineEntry { kind: event.kind(), at };
    Ok(HttpResponse::Ok().json(Timeline { data: history.into_iter().map(entry).collect() }))
}

/// Asks for an order to be undone: money back, stock free.
#[utoipa::path(tag = "order", request_body = CancelOrder,
    params(("id" = OrderId, Path), ("Idempotency-Key" = String, Header), ("X-Guest-Token" = Option<String>, Header)),
    responses((status = 202, body = OrderBody), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
#[post("/api/v1/orders/{id}/cancel")]
pub(crate) async fn cancel_order(
    service: web::Data<Service>,
    login: MaybeLogin,
    guest: GuestToken,
    id: web::Path<String>,
    effect: Effect<CancelOrder>,
) -> Result<impl Responder, ApiError> {
    let id = path_id(&id, ErrorCode::OrderNotFound)?;
    let key = effect.required_key()?;
    let reason = effect.body.reason.unwrap_or_else(|| "asked_for".to_owned());
    if reason.len() > 500 {
        let detail = Detail::of("reason", "must be at most 500 bytes long");
        return Err(ApiError::new(ErrorCode::ValidationFailed).detail(detail));
    }
    Ok(service.cancel(&visitor(&login, &guest), id, reason, key, accepted).await?)
}

/// Pays an order whose last payment came to nothing.
#[utoipa::path(tag = "order", request_body = PaymentRequest,
    params(("id" = OrderId, Path), ("Idempotency-Key" = String, Header), ("X-Guest-Token" = Option<String>, Header)),
    responses((status = 202, body = OrderBody), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
#[post("/api/v1/orders/{id}/payments")]
pub(crate) async fn pay_order(
    service: web::Data<Service>,
    login: MaybeLogin,
    guest: GuestToken,
    id: web::Path<String>,
    effect: Effect<PaymentRequest>,
) -> Result<impl Responder, ApiError> {
    let id = path_id(&id, ErrorCode::OrderNotFound)?;
    let key = effect.required_key()?;
    let payment = effect.body.into_choice()?;
    Ok(service.pay(&visitor(&login, &guest), id, payment, key, accepted).await?)
}

/// Reads a comma-separated list of statuses.
pub(super) fn statuses(text: Option<&str>) -> Result<Vec<Status>, ApiError> {
    let names = text.into_iter().flat_map(|text| text.split(',')).map(str::trim);
    names
        .map(|name| {
            Status::ALL.into_iter().find(|status| status.name() == name).ok_or_else(|| {
                let known: Vec<_> = Status::ALL.iter().map(|status| status.name()).collect();
                let detail = Detail::of("status", format!("must be of {}", known.join(", "))).with(name);
                ApiError::new(ErrorCode::InvalidParameter).detail(detail)
            })
        })
        .collect()
}

//! `/api/v1/admin/orders`: orders as staff see them.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use kernel::http::{ApiError, ErrorBody, Login, Query, page_response, path_id};
use kernel::{ErrorCode, OrderId, Page, Permission, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::orders::statuses;
use super::views::OrderSummary;
use crate::domain::order::Status;
use crate::service::{SagaView, Service};
use crate::store::orders::OrderFilter;

/// Which orders to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAllOrders {
    /// One status or several, separated by commas.
    status: Option<String>,
    /// Only those that need somebody's help, or only those that do not.
    needs_attention: Option<bool>,
    /// Bought with exactly this address.
    email: Option<String>,
    /// Rows of a page, 1 to 100; 20 if not given.
    limit: Option<u32>,
    /// Where to go on.
    cursor: Option<String>,
}

/// Where an order's saga stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Saga {
    order_id: OrderId,
    status: Status,
    /// The step it would take now.
    next_step: &'static str,
    /// When it is looked at next; null when nothing is left to do.
    next_run_at: Option<Timestamp>,
    /// Failures in a row.
    attempts: i32,
    last_error: Option<String>,
    /// Why it was flagged.
    needs_attention: Option<String>,
    /// Until when some process holds it.
    lease_until: Option<Timestamp>,
}

impl From<SagaView> for Saga {
    fn from(view: SagaView) -> Self {
        Self {
            order_id: view.row.order_id,
            status: view.order.status,
            next_step: view.next.name(),
            next_run_at: view.row.next_run_at,
            attempts: view.row.attempts,
            last_error: view.row.last_error,
            needs_attention: view.order.attention,
            lease_until: view.row.lease_until,
        }
    }
}

/// Everybody's orders, the newest first.
#[utoipa::path(tag = "order", params(ListAllOrders), security(("bearer" = [])),
    responses((status = 200, body = Page<OrderSummary>), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody)))]
#[get("/api/v1/admin/orders")]
pub(crate) async fn list_all_orders(
    request: HttpRequest,
    service: web::Data<Service>,
    login: Login,
    query: Query<ListAllOrders>,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ReadOrders)?;
    let query = query.0;
    let list = format!("all orders {:?} {:?} {:?}", query.status, query.needs_attention, query.email);
    let paging = service.cursors().paging(&list, query.limit, query.cursor.as_deref())?;
    let filter = OrderFilter {
        user_id: None,
        statuses: statuses(query.status.as_deref())?,
        needs_attention: query.needs_attention,
        email: query.email,
    };
    let page = service.list_orders(filter, &list, paging).await?.map(OrderSummary::from);
    Ok(page_response(&request, &page))
}

/// An order's saga.
#[utoipa::path(tag = "order", params(("id" = OrderId, Path)), security(("bearer" = [])),
    responses((status = 200, body = Saga), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
#[get("/api/v1/admin/orders/{id}/saga")]
pub(crate) async fn get_saga(
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ReadOrders)?;
    let view = service.saga(path_id(&id, ErrorCode::OrderNotFound)?).await?;
    Ok(HttpResponse::Ok().json(Saga::from(view)))
}

/// Lets a saga run now, and ask its provider first.
#[utoipa::path(tag = "order", params(("id" = OrderId, Path)), security(("bearer" = [])),
    responses((status = 202), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
#[post("/api/v1/admin/orders/{id}/retry")]
pub(crate) async fn retry_saga(
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageOrders)?;
    service.retry(path_id(&id, ErrorCode::OrderNotFound)?).await?;
    Ok(HttpResponse::Accepted().finish())
}

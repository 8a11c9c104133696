//! The test provider's page, where a buyer decides about a payment that asks for it.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, get, post, web};
use kernel::http::{ApiError, ErrorBody};
use kernel::{ErrorCode, Money};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::payment::PaymentState;
use crate::error::Error;
use crate::service::Service;
use crate::service::payments::Decision;

/// The buyer's decision.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecisionForm {
    /// Pay or not.
    decision: Decision,
}

/// The page.
#[utoipa::path(tag = "order", params(("reference" = String, Path)),
    responses((status = 200, content_type = "text/html", body = String), (status = 404, body = ErrorBody)))]
#[get("/test-payments/{reference}")]
pub(crate) async fn show_test_payment(
    service: web::Data<Service>,
    reference: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let provider = service.test_provider().ok_or(ApiError::new(ErrorCode::RouteNotFound))?;
    let looked_up = provider.look_up(&reference).await.map_err(Error::from)?;
    let (snapshot, amount, currency) = looked_up.ok_or(Error::PaymentNotFound)?;
    let state = match snapshot.state {
        PaymentState::RequiresAction => concat!(
            "<form method=\"post\">",
            "<button name=\"decision\" value=\"approve\">Pay</button> ",
            "<button name=\"decision\" value=\"decline\">Do not pay</button></form>",
        ),
        PaymentState::Authorized | PaymentState::Captured => "<p>This payment was approved.</p>",
        _ => "<p>This payment was not made.</p>",
    };
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Test payment</title>\
         <h1>Test payment</h1><p>{}</p>{state}</html>",
        Money::new(amount, currency)
    );
    Ok(HttpResponse::Ok().content_type(ContentType::html()).body(page))
}

/// Decides. The shop learns it by a signed webhook, as from any provider.
#[utoipa::path(tag = "order", params(("reference" = String, Path)),
    request_body(content = DecisionForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 303), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
#[post("/test-payments/{reference}")]
pub(crate) async fn decide_test_payment(
    service: web::Data<Service>,
    reference: web::Path<String>,
    form: web::Form<DecisionForm>,
) -> Result<HttpResponse, ApiError> {
    let provider = service.test_provider().ok_or(ApiError::new(ErrorCode::RouteNotFound))?;
    let decided = provider.decide(&reference, form.decision).await.map_err(Error::from)?;
    decided.ok_or(Error::PaymentNotFound)?;
    Ok(HttpResponse::SeeOther().insert_header(("location", format!("/test-payments/{reference}"))).finish())
}

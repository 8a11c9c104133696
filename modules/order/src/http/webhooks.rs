//! `POST /api/v1/webhooks/payments/{provider}`: providers' messages.

use actix_web::{HttpRequest, HttpResponse, post, web};
use kernel::http::{ApiError, ErrorBody};
use kernel::{ErrorCode, Timestamp};

use crate::error::Error;
use crate::service::Service;

/// Takes in a provider's message. It is answered once it is durable; one delivered twice counts once.
#[utoipa::path(tag = "order", params(("provider" = String, Path, example = "test")), request_body = Vec<u8>,
    responses((status = 204), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
#[post("/api/v1/webhooks/payments/{provider}")]
pub(crate) async fn receive_webhook(
    request: HttpRequest,
    service: web::Data<Service>,
    provider: web::Path<String>,
    body: web::Bytes,
) -> Result<HttpResponse, ApiError> {
    let provider = service.provider(&provider).ok_or(ApiError::new(ErrorCode::RouteNotFound))?;
    let event =
        provider.read_webhook(request.headers(), &body, Timestamp::now()).ok_or(Error::WebhookInvalid)?;
    service.receive_webhook(provider.name(), event).await?;
    Ok(HttpResponse::NoContent().finish())
}

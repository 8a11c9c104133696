//! JSON bodies.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use kernel_types::{Detail, ErrorCode};
use serde::de::DeserializeOwned;

use super::{ApiError, RequestContext};

/// Kept back from the request's time, so that a body that comes too slowly still gets an answer.
const TIME_TO_ANSWER: Duration = Duration::from_secs(1);

/// A JSON body that was read completely and knows every field it was sent.
///
/// 415 when it is not JSON, 400 `MALFORMED_JSON` when it does not parse, 400 `UNKNOWN_PARAMETER` when it has a field that `T` (with
/// `deny_unknown_fields`) has not, 422 `VALIDATION_FAILED` with the path when a field has another type or is missing.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = read(request, payload);
        Box::pin(async move { Ok(Self(parse(&bytes.await?)?)) })
    }
}

/// Reads a JSON body as bytes; an absent body counts as `{}`.
pub(super) fn read(
    request: &HttpRequest,
    payload: &mut Payload,
) -> LocalBoxFuture<'static, Result<web::Bytes, ApiError>> {
    let media_type = request.headers().get(header::CONTENT_TYPE).cloned();
    let bytes = web::Bytes::from_request(request, payload);
    let deadline = RequestContext::of(request).deadline - TIME_TO_ANSWER;
    Box::pin(async move {
        let bytes = tokio::time::timeout_at(deadline.into(), bytes)
            .await
            .map_err(|_too_slow| ApiError::new(ErrorCode::RequestTimeout))?
            .map_err(|error| unread(&error))?;
        if bytes.is_empty() {
            return Ok(web::Bytes::from_static(b"{}"));
        }
        let is_json = media_type.as_ref().and_then(|value| value.to_str().ok()).is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            essence == "application/json"
                || (essence.starts_with("application/") && essence.ends_with("+json"))
        });
        if is_json { Ok(bytes) } else { Err(ApiError::new(ErrorCode::UnsupportedMediaType)) }
    })
}

/// Parses a body, saying where it is wrong.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        let message = cause.to_string();
        let code = match cause.classify() {
            serde_json::error::Category::Data if message.starts_with("unknown field") => {
                ErrorCode::UnknownParameter
            }
            serde_json::error::Category::Data => ErrorCode::ValidationFailed,
            _ => ErrorCode::MalformedJson,
        };
        ApiError::new(code).detail(Detail::of(path, message))
    })?;
    deserializer.end().map_err(|error| {
        ApiError::new(ErrorCode::MalformedJson).detail(Detail::of(".", error.to_string()))
    })?;
    Ok(value)
}

fn unread(error: &actix_web::Error) -> ApiError {
    match error.as_error::<PayloadError>() {
        Some(PayloadError::Overflow) => ApiError::new(ErrorCode::RequestTooLarge),
        _ if error.as_response_error().status_code() == 413 => ApiError::new(ErrorCode::RequestTooLarge),
        _ => ApiError::new(ErrorCode::MalformedJson).message("The body did not arrive in full."),
    }
}

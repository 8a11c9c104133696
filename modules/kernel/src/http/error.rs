//! The one shape of an error: `{"error":{…}}`, or RFC 9457 for clients that ask for it.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use kernel_types::{Coded, Detail, ErrorCode};
use serde::{Deserialize, Serialize};

/// An error on its way to a client.
#[derive(Debug, Clone)]
pub struct ApiError {
    code: ErrorCode,
    message: Cow<'static, str>,
    details: Vec<Detail>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Body of an error.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorObject,
}

/// What went wrong.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ErrorObject {
    /// Stable code, listed at `/errors/{code}`.
    pub code: ErrorCode,
    /// For people; may change.
    pub message: String,
    /// What exactly, where there is more to say.
    pub details: Vec<Detail>,
    /// Names this request in the log.
    pub request_id: String,
}

/// Body of an error for clients that accept `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// `/errors/{code}`.
    #[serde(rename = "type")]
    pub kind: String,
    /// One sentence for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This occurrence.
    pub detail: String,
    /// Path of the request.
    pub instance: String,
    /// The code.
    pub code: ErrorCode,
    /// What exactly.
    pub errors: Vec<Detail>,
    /// Names this request in the log.
    pub request_id: String,
}

const PROBLEM: &str = "application/problem+json";

// === impl ApiError ===

impl ApiError {
    /// The error that the catalogue lists under `code`.
    pub fn new(code: ErrorCode) -> Self {
        let headers = match code {
            ErrorCode::Overloaded | ErrorCode::ModuleUnavailable | ErrorCode::IdempotencyInProgress => {
                vec![(header::RETRY_AFTER, HeaderValue::from_static("1"))]
            }
            ErrorCode::AuthenticationRequired | ErrorCode::InvalidCredentials => {
                vec![(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))]
            }
            ErrorCode::TokenExpired | ErrorCode::TokenInvalid | ErrorCode::RefreshTokenReused => {
                vec![(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""))]
            }
            _ => Vec::new(),
        };
        Self { code, message: Cow::Borrowed(code.title()), details: Vec::new(), headers }
    }

    /// The same error with a message about this occurrence.
    pub fn message(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// The same error with one more detail.
    pub fn detail(mut self, detail: Detail) -> Self {
        self.details.push(detail);
        self
    }

    /// The same error with one more header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Its code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Renders it for one request: `accept` decides the form.
    pub fn render(&self, request_id: &str, path: &str, accept: Option<&HeaderValue>) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status_code());
        for (name, value) in &self.headers {
            response.append_header((name.clone(), value.clone()));
        }
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        let wants_problem = accept
            .and_then(|value| value.to_str().ok())
            .is_some_and(|accept| accept.split(',').any(|part| part.trim_start().starts_with(PROBLEM)));
        if wants_problem {
            response.content_type(PROBLEM).json(Problem {
                kind: format!("/errors/{}", self.code),
                title: self.code.title().to_owned(),
                status: self.code.status(),
                detail: self.message.clone().into_owned(),
                instance: path.to_owned(),
                code: self.code,
                errors: self.details.clone(),
                request_id: request_id.to_owned(),
            })
        } else {
            response.json(ErrorBody {
                error: ErrorObject {
                    code: self.code,
                    message: self.message.clone().into_owned(),
                    details: self.details.clone(),
                    request_id: request_id.to_owned(),
                },
            })
        }
    }

    /// The error that stands for a response that some library made without one of ours, by its status.
    pub fn for_status(status: StatusCode, headers: &HeaderMap) -> Self {
        let code = match status.as_u16() {
            404 => ErrorCode::RouteNotFound,
            405 => ErrorCode::MethodNotAllowed,
            408 => ErrorCode::RequestTimeout,
            413 => ErrorCode::RequestTooLarge,
            415 => ErrorCode::UnsupportedMediaType,
            429 => ErrorCode::RateLimited,
            503 => ErrorCode::Overloaded,
            400..=499 => ErrorCode::InvalidParameter,
            _ => ErrorCode::Internal,
        };
        let mut error = Self::new(code);
        if let Some(allow) = headers.get(header::ALLOW) {
            error.headers.push((header::ALLOW, allow.clone()));
        }
        error
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        // The gateway renders it again, for the request at hand.
        self.render("", "", None)
    }
}

impl<E: Coded> From<E> for ApiError {
    /// Where an error leaves the module: a client's mistake is told in full, our own goes to the log and stays there.
    fn from(error: E) -> Self {
        let code = error.code();
        let told = Self::new(code);
        if code.status() >= 500 {
            let mut chain = error.to_string();
            let mut cause = error.source();
            while let Some(source) = cause {
                chain = format!("{chain}: {source}");
                cause = source.source();
            }
            log::error!(code = code.name(); "{chain}");
            return told;
        }
        Self { details: error.details(), ..told.message(error.to_string()) }
    }
}

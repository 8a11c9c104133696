//! Query strings.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use kernel_types::{Detail, ErrorCode};
use serde::de::DeserializeOwned;

use super::ApiError;

/// A query string of which every parameter is known to `T` (with `deny_unknown_fields`).
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self))
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    serde_urlencoded::from_str(query).map_err(|error| {
        let message = error.to_string();
        let unknown = message.starts_with("unknown field");
        // `unknown field `colour`, expected one of …`: the parameter is between the first pair of backticks.
        let field = message.split('`').nth(1).filter(|_| unknown).unwrap_or("query").to_owned();
        let code = if unknown { ErrorCode::UnknownParameter } else { ErrorCode::InvalidParameter };
        ApiError::new(code).detail(Detail::of(field, message))
    })
}

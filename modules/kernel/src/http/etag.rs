//! Conditional requests (RFC 9110, section 13) with strong entity tags.

use std::fmt;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel_types::{Coded, ErrorCode};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::ApiError;

/// A strong entity tag, with its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(String);

/// The request's `If-Match`, which it must have: 428 without.
#[derive(Debug, Clone)]
pub struct IfMatch(String);

/// The resource is not the one the client read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the resource has changed since it was read")]
pub struct Mismatch;

/// Answers a single resource: 200 with its tag, or 304 when the client has it already.
///
/// # Errors
/// When the value has no JSON form.
pub fn conditional(request: &HttpRequest, resource: &impl Serialize) -> Result<HttpResponse, ApiError> {
    let body = encode(resource)?;
    Ok(answer(request, &ETag::of_body(&body), body))
}

/// As [`conditional`], for a resource whose representation changes exactly when its version does. The tag is what `If-Match` takes.
///
/// # Errors
/// When the value has no JSON form.
pub fn versioned(
    request: &HttpRequest,
    resource: &impl Serialize,
    version: i32,
) -> Result<HttpResponse, ApiError> {
    Ok(answer(request, &ETag::of_version(version), encode(resource)?))
}

fn encode(resource: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(resource).map_err(|error| {
        log::error!("an answer has no JSON form: {error}");
        ApiError::new(ErrorCode::Internal)
    })
}

fn answer(request: &HttpRequest, tag: &ETag, body: Vec<u8>) -> HttpResponse {
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|tags| tag.is_among(tags)) {
        return HttpResponse::NotModified().insert_header((header::ETAG, tag.as_str())).finish();
    }
    HttpResponse::Ok().insert_header((header::ETAG, tag.as_str())).content_type("application/json").body(body)
}

// === impl ETag ===

impl ETag {
    /// The tag of a representation, by its bytes.
    pub fn of_body(body: &[u8]) -> Self {
        let digest = Sha256::digest(body);
        Self(format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest.get(..16).unwrap_or(&digest))))
    }

    /// The tag of a resource whose representation changes exactly when its version does.
    pub fn of_version(version: i32) -> Self {
        Self(format!("\"v{version}\""))
    }

    /// The text, with quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a header's list of tags names this one. `If-None-Match` compares weakly, so a `W/` prefix is passed over.
    fn is_among(&self, tags: &str) -> bool {
        tags.split(',')
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.0)
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl IfMatch ===

impl IfMatch {
    /// Passes if the client read the resource as it is now. `If-Match` compares strongly: a weak tag never matches.
    ///
    /// # Errors
    /// [`Mismatch`], 412.
    pub fn check(&self, current: &ETag) -> Result<(), Mismatch> {
        let matches = self.0.split(',').map(str::trim).any(|tag| tag == "*" || tag == current.0);
        if matches { Ok(()) } else { Err(Mismatch) }
    }
}

impl FromRequest for IfMatch {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let tags = request.headers().get(header::IF_MATCH).and_then(|value| value.to_str().ok());
        ready(
            tags.map(|tags| Self(tags.to_owned()))
                .ok_or_else(|| ApiError::new(ErrorCode::PreconditionRequired)),
        )
    }
}

// === impl Mismatch ===

impl Coded for Mismatch {
    fn code(&self) -> ErrorCode {
        ErrorCode::PreconditionFailed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_and_only_itself() {
        let tag = ETag::of_body(b"x");
        assert!(tag.is_among(&format!("\"other\", {tag}")));
        assert!(tag.is_among(&format!("W/{tag}")));
        assert!(tag.is_among("*"));
        assert!(!tag.is_among("\"other\""));
    }

    #[test]
    fn if_match_never_accepts_a_weak_tag() {
        let tag = ETag::of_version(3);
        assert_eq!(IfMatch(format!("W/{tag}")).check(&tag), Err(Mismatch));
        assert_eq!(IfMatch(tag.to_string()).check(&tag), Ok(()));
        assert_eq!(IfMatch(ETag::of_version(2).to_string()).check(&tag), Err(Mismatch));
    }
}

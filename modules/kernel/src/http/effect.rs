//! Requests that have an effect: a JSON body with the client's `Idempotency-Key`.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::LocalBoxFuture;
use kernel_types::ErrorCode;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::{ApiError, body, login};
use crate::idempotency::Key;

/// Header with the secret by which a guest owns a cart and an order.
pub const GUEST_TOKEN: &str = "x-guest-token";

/// A body and the key under which its effect happens once.
#[derive(Debug, Clone)]
pub struct Effect<T> {
    /// The body, as [`Json`](super::Json) reads it.
    pub body: T,
    key: Option<Key>,
}

/// The guest's secret, if the request has one.
#[derive(Debug, Clone)]
pub struct GuestToken(pub Option<Arc<str>>);

// === impl Effect ===

impl<T> Effect<T> {
    /// The key of a request that may come without one.
    pub fn key(&self) -> Option<Key> {
        self.key.clone()
    }

    /// The key of a request that must have one.
    ///
    /// # Errors
    /// 400 `IDEMPOTENCY_KEY_REQUIRED`.
    pub fn required_key(&self) -> Result<Option<Key>, ApiError> {
        match &self.key {
            Some(key) => Ok(Some(key.clone())),
            None => Err(ApiError::new(ErrorCode::IdempotencyKeyRequired)),
        }
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Effect<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = body::read(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let bytes = bytes.await?;
            let body = body::parse(&bytes)?;
            let key = match request.headers().get("idempotency-key") {
                None => None,
                Some(value) => {
                    let text = value.to_str().ok().map(unquoted).filter(|text| is_valid(text));
                    let text = text.ok_or_else(|| ApiError::new(ErrorCode::IdempotencyKeyInvalid))?;
                    let caller = caller(&request).await?;
                    let id = digest([request.method().as_str(), request.path(), &caller, text]);
                    Some(Key::claim(id, fingerprint(&bytes)?)?)
                }
            };
            Ok(Self { body, key })
        })
    }
}

/// The standard's form is a quoted string; a bare token is taken too.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

fn is_valid(key: &str) -> bool {
    (16..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Keys of different callers never meet.
async fn caller(request: &HttpRequest) -> Result<String, ApiError> {
    if let Some(identity) = login::authenticate(request).await? {
        return Ok(identity.principal.user_id.to_string());
    }
    let guest = request.headers().get(GUEST_TOKEN).and_then(|value| value.to_str().ok());
    Ok(guest.map_or_else(|| "anonymous".to_owned(), |token| format!("guest {token}")))
}

/// Digest of the body's meaning: white space and the order of fields do not count.
fn fingerprint(bytes: &[u8]) -> Result<String, ApiError> {
    let value: serde_json::Value = body::parse(bytes)?;
    Ok(digest([value.to_string().as_str()]))
}

fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    URL_SAFE_NO_PAD.encode(hasher.finalize())
}

// === impl GuestToken ===

impl FromRequest for GuestToken {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let token = request.headers().get(GUEST_TOKEN).and_then(|value| value.to_str().ok());
        std::future::ready(Ok(Self(token.map(Arc::from))))
    }
}

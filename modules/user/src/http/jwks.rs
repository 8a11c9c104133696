//! `/.well-known/jwks.json`: the keys that verify access tokens.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get, web};
use kernel::PublicKey;
use kernel::http::{ApiError, ErrorBody, conditional};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::service::Service;

/// A JWK Set (RFC 7517, section 5).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JsonWebKeySet {
    /// The key that signs now, then those that did until lately.
    keys: Vec<JsonWebKey>,
}

/// An Ed25519 key (RFC 8037, section 2).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JsonWebKey {
    /// `OKP`.
    #[schema(example = "OKP")]
    kty: &'static str,
    /// `Ed25519`.
    #[schema(example = "Ed25519")]
    crv: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    usage: &'static str,
    /// `EdDSA`.
    #[schema(example = "EdDSA")]
    alg: &'static str,
    /// Names the key in a token's header: its thumbprint (RFC 7638).
    kid: String,
    /// The public key.
    x: String,
}

/// The keys that verify access tokens.
#[utoipa::path(
    tag = "user",
    responses(
        (status = 200, description = "The keys; may be cached for five minutes", body = JsonWebKeySet),
        (status = 304, description = "They are those in `If-None-Match`"),
        (status = 503, description = "`MODULE_UNAVAILABLE`, `OVERLOADED`", body = ErrorBody),
    )
)]
#[get("/.well-known/jwks.json")]
pub(super) async fn jwks(
    request: HttpRequest,
    service: web::Data<Service>,
) -> Result<HttpResponse, ApiError> {
    let keys = service.public_keys().await.map_err(Error::from)?;
    let set = JsonWebKeySet { keys: keys.into_iter().map(JsonWebKey::from).collect() };
    let mut response = conditional(&request, &set)?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(response)
}

// === impl JsonWebKey ===

impl From<PublicKey> for JsonWebKey {
    fn from(PublicKey { kid, x }: PublicKey) -> Self {
        Self { kty: "OKP", crv: "Ed25519", usage: "sig", alg: "EdDSA", kid, x }
    }
}

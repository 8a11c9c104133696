//! Access tokens: signed and verified with the key that lies in the user store.

use actix_web::HttpRequest;
use actix_web::http::header;
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use diesel::prelude::*;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kernel::Timestamp;
use kernel::auth::{AUDIENCE, ISSUER, TOKEN_TYPE};
use serde::{Deserialize, Serialize};

use super::schema::user::signing_keys;
use super::{Failure, other};

/// Life of an access token in seconds.
pub(super) const LIFE: i64 = 600;

/// The present key.
pub(super) struct Keys {
    kid: String,
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    iat: i64,
    exp: i64,
}

impl Keys {
    pub(super) fn load(conn: &mut SqliteConnection) -> anyhow::Result<Self> {
        let (kid, private, public): (String, String, String) = signing_keys::table
            .filter(signing_keys::retired_at.is_null())
            .order(signing_keys::created_at.desc())
            .select((signing_keys::kid, signing_keys::private_key, signing_keys::public_key))
            .first(conn)
            .context("the user store has no signing key")?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        Ok(Self {
            kid,
            signing: EncodingKey::from_ed_der(&STANDARD.decode(private)?),
            verifying: DecodingKey::from_ed_components(&public)?,
            validation,
        })
    }

    pub(super) fn sign(
        &self,
        user_id: &str,
        session_id: &str,
        roles: &[String],
        now: Timestamp,
    ) -> Result<String, Failure> {
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user_id.to_owned(),
            sid: session_id.to_owned(),
            roles: roles.to_vec(),
            iat: now.seconds(),
            exp: now.seconds() + LIFE,
        };
        let header = Header {
            typ: Some(TOKEN_TYPE.to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, &claims, &self.signing).map_err(other)
    }

    /// The account that the request's token speaks for.
    pub(super) fn user_of(&self, request: &HttpRequest) -> Result<String, Failure> {
        let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            header.and_then(|text| text.strip_prefix("Bearer ")).ok_or_else(|| other("a token is needed"))?;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &self.validation);
        Ok(claims.map_err(other)?.claims.sub)
    }
}

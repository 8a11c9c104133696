//! Verifies access tokens with the keys that the user module publishes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use kernel_types::{Coded, ErrorCode, Principal, PublicKey};
use tokio::sync::Mutex;

use super::{AUDIENCE, AccessClaims, ISSUER, TOKEN_TYPE};

/// A token with an unknown key makes us ask for the keys again, at most this often.
const REFRESH_AT_MOST_EVERY: Duration = Duration::from_secs(1);

/// Where the public keys come from: the user module, wherever it runs.
#[async_trait::async_trait]
pub trait KeySource: Send + Sync + 'static {
    /// The keys that sign tokens now, and those that did until lately. `None` when the module does not answer.
    async fn public_keys(&self) -> Option<Vec<PublicKey>>;
}

/// Verifies access tokens. One for the process; reads without a lock.
pub struct Verifier {
    keys: ArcSwap<HashMap<String, DecodingKey>>,
    source: Arc<dyn KeySource>,
    /// When the keys were last asked for, and whether they came. Whoever asks holds it, so that the others wait for the answer.
    asked: Mutex<Option<(Instant, bool)>>,
    validation: Validation,
}

/// Why a token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// It has run out.
    #[error("the token has expired")]
    Expired,
    /// It is not one of ours, or was changed.
    #[error("the token is not valid")]
    Invalid,
    /// The user module does not answer, and the key is not known here.
    #[error("tokens cannot be verified now")]
    Unavailable,
}

// === impl Verifier ===

impl Verifier {
    /// A verifier that asks `source` for the keys it does not know.
    pub fn new(source: Arc<dyn KeySource>) -> Self {
        // An allow-list of one: `none` and the key-confusion attacks of RFC 8725 end here.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = 0;
        Self { keys: ArcSwap::default(), source, asked: Mutex::new(None), validation }
    }

    /// Verifies `token` and gives who it speaks for.
    ///
    /// # Errors
    /// Why it was not accepted.
    pub async fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_malformed| AuthError::Invalid)?;
        let kid =
            header.kid.filter(|_| header.typ.as_deref() == Some(TOKEN_TYPE)).ok_or(AuthError::Invalid)?;
        let known = self.keys.load().get(&kid).cloned();
        let key = match known {
            Some(key) => key,
            None => self.ask_for(&kid).await?,
        };
        let claims = jsonwebtoken::decode::<AccessClaims>(token, &key, &self.validation).map_err(
            |error| match error.kind() {
                ErrorKind::ExpiredSignature => AuthError::Expired,
                _ => AuthError::Invalid,
            },
        )?;
        Ok(claims.claims.into())
    }

    /// Asks for the keys because `kid` is not among them. Made-up key ids do not turn into calls: they share one answer.
    async fn ask_for(&self, kid: &str) -> Result<DecodingKey, AuthError> {
        let mut asked = self.asked.lock().await;
        let fresh = asked.filter(|(at, _)| at.elapsed() < REFRESH_AT_MOST_EVERY);
        let answered = match fresh {
            Some((_, answered)) => answered,
            None => {
                let published = self.source.public_keys().await;
                if let Some(published) = &published {
                    self.keys.store(Arc::new(decoding_keys(published)));
                }
                *asked = Some((Instant::now(), published.is_some()));
                published.is_some()
            }
        };
        match self.keys.load().get(kid) {
            Some(key) => Ok(key.clone()),
            None if answered => Err(AuthError::Invalid),
            None => Err(AuthError::Unavailable),
        }
    }
}

fn decoding_keys(published: &[PublicKey]) -> HashMap<String, DecodingKey> {
    published
        .iter()
        .filter_map(|key| Some((key.kid.clone(), DecodingKey::from_ed_components(&key.x).ok()?)))
        .collect()
}

// === impl AuthError ===

impl Coded for AuthError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Expired => ErrorCode::TokenExpired,
            Self::Invalid => ErrorCode::TokenInvalid,
            Self::Unavailable => ErrorCode::ModuleUnavailable,
        }
    }
}

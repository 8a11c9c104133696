//! The keys that sign access tokens: Ed25519 (RFC 8032), kept in the store, so that all processes over it sign with the same.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::auth::{AUDIENCE, AccessClaims, ISSUER, TOKEN_TYPE};
use kernel::store::StoreError;
use kernel::{PublicKey, Role, SessionId, Timestamp, UserId};
use sha2::{Digest as _, Sha256};

use super::{Read, Service, random_bytes};
use crate::domain::Secret;
use crate::error::Error;
use crate::store::keys::{self, Row};

/// A retired key is published for so long: another process may sign with it until it looks again, and what it signed lives on for at
/// most an hour.
const PUBLISHED_AFTER_RETIREMENT: Duration = Duration::from_secs(24 * 60 * 60);

/// Signs access tokens.
pub(super) struct Keys {
    /// None before the store was looked at.
    current: ArcSwapOption<Signer>,
    life: Duration,
}

struct Signer {
    kid: String,
    key: EncodingKey,
}

/// An access token and how long it lives.
#[derive(Debug, Clone)]
pub(super) struct AccessToken {
    pub(super) token: Secret,
    pub(super) life: Duration,
}

// === impl Keys ===

impl Keys {
    /// Tokens live for so long.
    pub(super) fn new(life: Duration) -> Self {
        Self { current: ArcSwapOption::empty(), life }
    }

    /// Signs a token (RFC 9068) that says who has logged in.
    pub(super) fn sign(
        &self,
        user_id: UserId,
        session_id: SessionId,
        roles: &[Role],
        now: Timestamp,
    ) -> Result<AccessToken, Error> {
        let signer = self.current.load_full().ok_or(StoreError::Closed)?;
        let claims = AccessClaims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user_id,
            sid: session_id,
            roles: roles.to_vec(),
            iat: now.seconds(),
            exp: now.plus(self.life).seconds(),
        };
        let header = Header {
            typ: Some(TOKEN_TYPE.to_owned()),
            kid: Some(signer.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        let token = jsonwebtoken::encode(&header, &claims, &signer.key)
            .map_err(|error| Error::Crypto(format!("a token cannot be signed: {error}")))?;
        Ok(AccessToken { token: Secret::new(token), life: self.life })
    }
}

fn generate() -> Result<Row, Error> {
    let key = SigningKey::from_bytes(&random_bytes()?);
    let document = key.to_pkcs8_der().map_err(|error| Error::Crypto(format!("PKCS #8: {error}")))?;
    let x = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    Ok(Row {
        kid: thumbprint(&x),
        private_key: STANDARD.encode(document.as_bytes()),
        public_key: x,
        created_at: Timestamp::now(),
        retired_at: None,
    })
}

/// The key's name: its JWK thumbprint (RFC 7638), with the members of RFC 8037, section 2.
fn thumbprint(x: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

// === impl Signer ===

impl Signer {
    fn of(row: &Row) -> Result<Self, Error> {
        let document = STANDARD
            .decode(&row.private_key)
            .map_err(|error| StoreError::Corrupt(format!("the signing key {}: {error}", row.kid)))?;
        Ok(Self { kid: row.kid.clone(), key: EncodingKey::from_ed_der(&document) })
    }
}

// === impl Service ===

impl Service {
    /// Takes the store's present key, making it when there is none. Processes that start at once take the same one.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn take_up_keys(&self) -> Result<(), Error> {
        let kept: Read<_> = self.inner.store.read(keys::current).await;
        let row = match kept? {
            Some(kept) => kept,
            None => self.make_first_key().await?,
        };
        self.inner.keys.current.store(Some(Arc::new(Signer::of(&row)?)));
        Ok(())
    }

    async fn make_first_key(&self) -> Result<Row, Error> {
        let fresh = generate()?;
        let made = self.inner.store.write(move |tx| {
            if let Some(current) = keys::current(tx)? {
                return Ok::<_, StoreError>(current);
            }
            keys::insert(tx, &fresh)?;
            Ok(fresh.clone())
        });
        Ok(made.await?)
    }

    /// The keys that verify access tokens: the one that signs now, and those that did until lately.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn public_keys(&self) -> Result<Vec<PublicKey>, StoreError> {
        self.inner.store.read(keys::public).await
    }

    /// Signs with a new key from now on, here at once and in other processes within the hour. The old one stays published until no token
    /// that it signed is good any more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn rotate_keys(&self) -> Result<(), Error> {
        let (fresh, now) = (generate()?, Timestamp::now());
        let row = fresh.clone();
        self.inner
            .store
            .write(move |tx| {
                keys::retire(tx, now)?;
                keys::insert(tx, &fresh)
            })
            .await?;
        self.inner.keys.current.store(Some(Arc::new(Signer::of(&row)?)));
        log::info!("access tokens are signed with the new key {}", row.kid);
        Ok(())
    }

    /// Takes over a rotation made by another process, and forgets keys that were retired long ago.
    pub(crate) async fn tend_keys(&self) -> Result<(), Error> {
        let cutoff = Timestamp::now().minus(PUBLISHED_AFTER_RETIREMENT);
        self.inner.store.write(move |tx| keys::delete_retired(tx, cutoff)).await?;
        let current: Read<_> = self.inner.store.read(keys::current).await;
        let known = self.inner.keys.current.load_full();
        if let Some(row) = current?.filter(|row| known.is_none_or(|known| row.kid != known.kid)) {
            self.inner.keys.current.store(Some(Arc::new(Signer::of(&row)?)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_the_one_of_rfc_8037() {
        // Appendix A.3.
        assert_eq!(
            thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }
}

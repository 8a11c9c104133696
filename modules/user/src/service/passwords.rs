//! Hashing passwords with argon2id (RFC 9106), on threads that may block, a few at a time.
//!
//! A hash takes much memory and time on purpose, so that without a bound logins would be the cheapest way to bring the process down. At
//! most [`Settings::password_hashers`] run; at most [`Settings::password_queue`] wait; one more is refused.

use std::sync::Arc;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{
    ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
};
use kernel::idempotency::Key;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::random_bytes;
use crate::domain::Secret;
use crate::error::Error;
use crate::settings::Settings;

/// Hashes and verifies passwords.
pub(super) struct Passwords {
    params: Params,
    /// The hash that an unknown account is verified against: of no password, at the same cost as any other.
    nobody: String,
    turns: Arc<Semaphore>,
    places: Semaphore,
}

/// The right to hash until it is dropped.
pub(super) struct Turn {
    params: Params,
    permit: Arc<OwnedSemaphorePermit>,
}

/// What verifying a password found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) matches: bool,
    /// The hash is weaker than what is asked for today.
    pub(super) outdated: bool,
}

// === impl Passwords ===

impl Passwords {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let params = Params::new(settings.argon2_memory_kib, settings.argon2_iterations, 1, None)
            .map_err(|error| Error::Crypto(format!("argon2: {error}")))?;
        let hashers = usize::try_from(settings.password_hashers).unwrap_or(1);
        let queue = usize::try_from(settings.password_queue).unwrap_or(1);
        Ok(Self {
            nobody: nobody(&params)?,
            params,
            turns: Arc::new(Semaphore::new(hashers)),
            places: Semaphore::new(hashers + queue),
        })
    }

    /// The hash to verify against when there is no account.
    pub(super) fn nobody(&self) -> String {
        self.nobody.clone()
    }

    /// Waits for a turn to hash.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when too many wait.
    pub(super) async fn turn(&self) -> Result<Turn, Error> {
        let _place = self.places.try_acquire().map_err(|_full| Error::Overloaded)?;
        let permit =
            Arc::clone(&self.turns).acquire_owned().await.map_err(|_never_closed| Error::Overloaded)?;
        Ok(Turn { params: self.params.clone(), permit: Arc::new(permit) })
    }
}

/// A hash with the cost of a real one that no password has: its output is random, not computed.
fn nobody(params: &Params) -> Result<String, Error> {
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(crypto)?,
        salt: Some(Salt::new(random_salt()?.as_slice()).map_err(crypto)?),
        hash: Some(Output::new(&random_bytes()?).map_err(crypto)?),
    };
    Ok(hash.to_string())
}

fn random_salt() -> Result<[u8; 16], Error> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| Error::Crypto(format!("no random numbers: {error}")))?;
    Ok(salt)
}

fn crypto(error: impl std::fmt::Display) -> Error {
    Error::Crypto(format!("argon2: {error}"))
}

// === impl Turn ===

impl Turn {
    /// A PHC string with a fresh salt.
    ///
    /// # Errors
    /// When the system has no random numbers or no memory.
    pub(super) async fn hash(&self, password: &Secret) -> Result<String, Error> {
        let (params, password, salt) = (self.params.clone(), password.clone(), random_salt()?);
        self.run(move || {
            let hash = hasher(params).hash_password_with_salt(password.expose().as_bytes(), &salt);
            Ok(hash.map_err(crypto)?.to_string())
        })
        .await
    }

    /// Verifies `password` against a PHC string, with the parameters that stand in it.
    ///
    /// # Errors
    /// When the string is not one.
    pub(super) async fn verify(&self, hash: String, password: &Secret) -> Result<Verdict, Error> {
        let (wanted, password) = (self.params.clone(), password.clone());
        self.run(move || {
            let hash = PasswordHash::new(&hash).map_err(crypto)?;
            let params = Params::try_from(&hash).map_err(crypto)?;
            let outdated = params.m_cost() < wanted.m_cost() || params.t_cost() < wanted.t_cost();
            let matches = hasher(params).verify_password(password.expose().as_bytes(), &hash).is_ok();
            Ok(Verdict { matches, outdated })
        })
        .await
    }

    /// The same key with a fingerprint that is as hard to guess back as a password's hash. The body it was made of holds a password, and a
    /// fast digest of that must not lie in the store.
    ///
    /// # Errors
    /// When there is no memory.
    pub(super) async fn stretch(&self, mut key: Key) -> Result<Key, Error> {
        let (params, id, fingerprint) = (self.params.clone(), key.id.clone(), key.fingerprint.clone());
        key.fingerprint = self
            .run(move || {
                // The id is a digest of its own, different for every key: a salt that can be had again.
                let salt = id.as_bytes().get(..32).unwrap_or(b"idempotency-key");
                let hash = hasher(params).hash_password_with_salt(fingerprint.as_bytes(), salt);
                Ok(hash.map_err(crypto)?.to_string())
            })
            .await?;
        Ok(key)
    }

    /// Runs `work` where it may block. The permit goes along: when the caller stops waiting, the work still counts.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.permit);
        let worked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        worked.await.unwrap_or_else(|error| Err(Error::Crypto(format!("hashing did not end: {error}"))))
    }
}

fn hasher(params: Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> Settings {
        Settings { argon2_memory_kib: 64, argon2_iterations: 1, ..Settings::default() }
    }

    #[tokio::test]
    async fn a_password_is_verified_by_its_hash_and_no_other_is() {
        let passwords = Passwords::new(&cheap()).unwrap();
        let turn = passwords.turn().await.unwrap();
        let right = Secret::new("correct horse");
        let hash = turn.hash(&right).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        let verdict = turn.verify(hash.clone(), &right).await.unwrap();
        assert_eq!(verdict, Verdict { matches: true, outdated: false });
        assert!(!turn.verify(hash, &Secret::new("wrong horse")).await.unwrap().matches);
    }

    #[tokio::test]
    async fn nobody_has_a_password_but_the_cost_of_one() {
        let passwords = Passwords::new(&cheap()).unwrap();
        let turn = passwords.turn().await.unwrap();
        let verdict = turn.verify(passwords.nobody(), &Secret::new("anything")).await.unwrap();
        assert_eq!(verdict, Verdict { matches: false, outdated: false });
        assert!(passwords.nobody().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    }

    #[tokio::test]
    async fn a_hash_made_with_less_is_outdated_but_still_good() {
        let old = Passwords::new(&cheap()).unwrap();
        let password = Secret::new("correct horse");
        let hash = old.turn().await.unwrap().hash(&password).await.unwrap();
        let new = Passwords::new(&Settings { argon2_memory_kib: 128, ..cheap() }).unwrap();
        let verdict = new.turn().await.unwrap().verify(hash, &password).await.unwrap();
        assert_eq!(verdict, Verdict { matches: true, outdated: true });
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let passwords = Arc::new(
            Passwords::new(&Settings { password_hashers: 1, password_queue: 1, ..cheap() }).unwrap(),
        );
        let turn = passwords.turn().await.unwrap();
        let mut waiting: Vec<_> = (0..2).map(|_| Box::pin(passwords.turn())).collect();
        for place in &mut waiting {
            assert!(poll_once(place).await.is_none(), "waits for the turn");
        }
        assert!(matches!(passwords.turn().await, Err(Error::Overloaded)));
        drop(turn);
        assert!(waiting.remove(0).await.is_ok());
    }

    #[tokio::test]
    async fn a_stretched_key_is_the_same_for_the_same_request_only() {
        let passwords = Passwords::new(&cheap()).unwrap();
        let turn = passwords.turn().await.unwrap();
        let mut prints = Vec::new();
        for (id, print) in [("a", "x"), ("a", "x"), ("b", "x"), ("a", "y")] {
            let key = Key::claim(id.repeat(43), print.to_owned()).unwrap();
            prints.push(turn.stretch(key).await.unwrap().fingerprint);
        }
        assert_eq!(prints[0], prints[1]);
        assert!(prints[0] != prints[2] && prints[0] != prints[3]);
    }

    async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|cx| {
            std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
                std::task::Poll::Ready(output) => Some(output),
                std::task::Poll::Pending => None,
            })
        })
        .await
    }
}

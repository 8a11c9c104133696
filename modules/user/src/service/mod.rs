//! The use cases: what both the routes and the contract call.

mod accounts;
mod addresses;
mod keys;
mod logins;
mod passwords;
mod sessions;
mod staff;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::Timestamp;
use kernel::http::Cursors;
use kernel::store::{Store, StoreError};
use order_contract::Orders;
use seam::Handle;

use crate::domain::{Lifetimes, Throttle};
use crate::error::Error;
use crate::settings::Settings;

pub use logins::{LoginRequest, Tokens};
pub use staff::UserFilter;

use keys::Keys;
use passwords::Passwords;

/// The module's use cases. Clones share everything.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    keys: Keys,
    passwords: Passwords,
    throttle: Mutex<Throttle>,
    lifetimes: Lifetimes,
    orders: Handle<dyn Orders>,
}

// === impl Service ===

impl Service {
    /// Prepares the use cases over a store.
    pub(crate) fn new(settings: &Settings, store: Store, orders: Handle<dyn Orders>) -> Result<Self, Error> {
        let inner = Inner {
            keys: Keys::new(settings.access_token_life()),
            passwords: Passwords::new(settings)?,
            throttle: Mutex::new(Throttle::new(settings.login_failures, settings.login_window())),
            lifetimes: Lifetimes { idle: settings.session_idle(), absolute: settings.session_absolute() },
            store,
            orders,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Makes and reads the cursors of this module's lists.
    pub(crate) fn cursors(&self) -> Cursors {
        Cursors::of(&self.inner.store)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.inner.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes unless the account had too many wrong passwords lately.
    fn check_throttle(&self, account: &str) -> Result<(), Error> {
        self.throttle()
            .check(account, Timestamp::now())
            .map_err(|retry_after| Error::Throttled { retry_after })
    }
}

/// 256 random bits.
fn random_bytes() -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::Crypto(format!("no random numbers: {error}")))?;
    Ok(bytes)
}

/// Rows to ask for, so that one too many tells that there is a next page.
fn one_more(limit: u32) -> i64 {
    i64::from(limit) + 1
}

/// What a closure of [`Store::read`] returns when it fails only with the store.
type Read<T> = Result<T, StoreError>;

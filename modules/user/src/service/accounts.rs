//! Registering, and the account of the one who asks.

use kernel::idempotency::{Answer, Key, once};
use kernel::store::StoreError;
use kernel::{Principal, Timestamp, UserId};

use super::{Read, Service};
use crate::domain::{Email, NewPassword, Profile, Registration, Secret, User};
use crate::error::Error;
use crate::store::sessions::{self, Which};
use crate::store::users::{self, Row};

impl Service {
    /// Makes an account, once for each key. `answer` renders it; the answer is stored with the key, so it must hold no secret.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::Overloaded`], or what the key or the store refuse.
    pub async fn register(
        &self,
        registration: Registration,
        key: Option<Key>,
        answer: fn(&User) -> Result<Answer, StoreError>,
    ) -> Result<Answer, Error> {
        let (row, key) = {
            let turn = self.inner.passwords.turn().await?;
            let key = match key {
                Some(key) => Some(turn.stretch(key).await?),
                None => None,
            };
            (new_row(&registration, turn.hash(registration.password.secret()).await?), key)
        };
        let registered = self
            .inner
            .store
            .write(move |tx| {
                once(tx, key.as_ref(), |tx| {
                    if !users::insert(tx, &row)? {
                        return Err(Error::EmailTaken);
                    }
                    Ok(answer(&row.clone().into_user(Vec::new()))?)
                })
            })
            .await?;
        metrics::counter!("banyan_registrations_total").increment(1);
        Ok(registered)
    }

    /// An account.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], or when the store fails.
    pub async fn user(&self, id: UserId) -> Result<User, Error> {
        let user: Read<_> = self.inner.store.read_snapshot(move |db| users::load(db, id)).await;
        user?.ok_or(Error::UserNotFound)
    }

    /// Changes an account; gives it as it is then.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], or when the store fails.
    pub async fn change_profile(&self, id: UserId, profile: Profile) -> Result<User, Error> {
        self.inner
            .store
            .write(move |tx| {
                if let Some(name) = &profile.name {
                    users::rename(tx, id, name, Timestamp::now())?;
                }
                users::load(tx, id)?.ok_or(Error::UserNotFound)
            })
            .await
    }

    /// Gives an account another password and ends its other logins.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a password that nobody may have, [`Error::InvalidCredentials`] when `current` is wrong,
    /// [`Error::Throttled`] when it was wrong too often.
    pub async fn change_password(
        &self,
        principal: &Principal,
        current: Secret,
        new: Secret,
    ) -> Result<(), Error> {
        let (id, session_id) = (principal.user_id, principal.session_id);
        let row: Read<_> = self.inner.store.read(move |db| users::find(db, id)).await;
        let row = row?.ok_or(Error::UserNotFound)?;
        let email = Email::parse(&row.email).ok();
        let new = NewPassword::parse(new, email.as_ref())
            .map_err(|reason| crate::domain::Invalid::of("new_password", reason))?;
        let turn = self.inner.passwords.turn().await?;
        self.check_throttle(&row.email_key)?;
        if !turn.verify(row.password_hash.clone(), &current).await?.matches {
            self.throttle().failed(&row.email_key, Timestamp::now());
            return Err(Error::InvalidCredentials);
        }
        let hash = turn.hash(new.secret()).await?;
        drop(turn);
        self.inner
            .store
            .write(move |tx| {
                // Somebody else may have changed it since; then what was verified is no longer the password.
                if !users::replace_hash(tx, id, &row.password_hash, &hash)? {
                    return Err(Error::InvalidCredentials);
                }
                sessions::end(tx, id, Which::AllBut(session_id), Timestamp::now())?;
                Ok(())
            })
            .await?;
        Ok(())
    }
}

/// A new account; nothing is written.
pub(super) fn new_row(registration: &Registration, password_hash: String) -> Row {
    let now = Timestamp::now();
    Row {
        id: UserId::new(),
        email: registration.email.as_str().to_owned(),
        email_key: registration.email.key().to_owned(),
        name: registration.name.as_str().to_owned(),
        name_key: registration.name.key(),
        password_hash,
        disabled: false,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

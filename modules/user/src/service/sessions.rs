//! The logins of an account.

use std::time::Duration;

use kernel::http::Paging;
use kernel::{Principal, SessionId, Timestamp, UserId};

use super::{Read, Service, one_more};
use crate::domain::Session;
use crate::error::Error;
use crate::store::sessions::{self, Which};
use crate::store::{roles, tokens};

/// An ended or expired login is kept for so long, so that the reuse of its tokens is still noticed.
const KEPT_AFTER_EXPIRY: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Rows deleted in one transaction, so that it never holds up the others for long.
const MOST_DELETED: i64 = 500;

impl Service {
    /// Checks that a principal's login has not ended since the token was issued, and leaves only the roles that they still have.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] when it has ended, or when the store fails.
    pub async fn alive(&self, principal: Principal) -> Result<Principal, Error> {
        let now = Timestamp::now();
        self.inner
            .store
            .read(move |db| {
                if !sessions::is_alive(db, principal.session_id, principal.user_id, now)? {
                    return Err(Error::TokenInvalid);
                }
                if principal.roles.is_empty() {
                    return Ok(principal);
                }
                let mut roles = roles::of_user(db, principal.user_id)?;
                roles.retain(|role| principal.roles.contains(role));
                Ok(Principal { roles, ..principal })
            })
            .await
    }

    /// The account's logins that have not ended, from the newest to the oldest; one more than asked for if there are more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sessions(&self, user_id: UserId, paging: Paging<SessionId>) -> Result<Vec<Session>, Error> {
        let now = Timestamp::now();
        let rows: Read<_> = self
            .inner
            .store
            .read(move |db| sessions::list_alive(db, user_id, now, paging.after, one_more(paging.limit)))
            .await;
        Ok(rows?)
    }

    /// Ends one of the account's logins.
    ///
    /// # Errors
    /// [`Error::SessionNotFound`] when the account has no such login, or when the store fails.
    pub async fn end_session(&self, user_id: UserId, id: SessionId) -> Result<(), Error> {
        self.inner
            .store
            .write(move |tx| match sessions::end(tx, user_id, Which::Only(id), Timestamp::now())? {
                0 => Err(Error::SessionNotFound),
                _ => Ok(()),
            })
            .await
    }

    /// Deletes some of the logins and tokens that are of no use any more, as of `now`. `false` when none was left.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_expired(&self, now: Timestamp) -> Result<bool, Error> {
        let (used_before, expired_before) =
            (now.minus(self.inner.lifetimes.idle), now.minus(KEPT_AFTER_EXPIRY));
        // Looked up outside of the write, which others wait for: what has expired once stays expired.
        let found: Read<_> = self
            .inner
            .store
            .read(move |db| {
                let mut digests = tokens::find_used(db, used_before, MOST_DELETED)?;
                if digests.is_empty() {
                    digests = tokens::find_expired(db, expired_before, MOST_DELETED)?;
                }
                // Sessions only when no token is left: deleting one would delete all of its tokens at once, however many.
                let ids = match digests.is_empty() {
                    true => sessions::find_expired(db, expired_before, MOST_DELETED)?,
                    false => Vec::new(),
                };
                Ok((digests, ids))
            })
            .await;
        let (digests, ids) = found?;
        if digests.is_empty() && ids.is_empty() {
            return Ok(false);
        }
        self.inner
            .store
            .write(move |tx| {
                tokens::delete(tx, &digests)?;
                sessions::delete(tx, &ids)
            })
            .await?;
        Ok(true)
    }
}

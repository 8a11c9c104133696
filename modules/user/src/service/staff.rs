//! What staff may see and do with the accounts of others. Whether the one who asks may, the routes decide.

use kernel::http::{ETag, IfMatch, Paging};
use kernel::store::Tx;
use kernel::{Role, Timestamp, UserId};

use super::{Read, Service, one_more};
use crate::domain::{Email, Registration, User, loses_last_operator};
use crate::error::Error;
use crate::store::sessions::{self, Which};
use crate::store::users::Filter;
use crate::store::{roles, users};

/// Which accounts to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Part of the e-mail address or the name, in either case.
    pub text: Option<String>,
    /// Only those with the role.
    pub role: Option<Role>,
}

impl Service {
    /// Accounts from the newest to the oldest; one more than asked for if there are more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn users(&self, filter: UserFilter, paging: Paging<UserId>) -> Result<Vec<User>, Error> {
        let filter = Filter { text: filter.text, role: filter.role };
        let users: Read<_> = self
            .inner
            .store
            .read_snapshot(move |db| users::list(db, &filter, paging.after, one_more(paging.limit)))
            .await;
        Ok(users?)
    }

    /// Makes `roles` the roles of an account. They count in access tokens from its next refresh, and in this module at once.
    ///
    /// # Errors
    /// [`Error::UserNotFound`], [`Error::Changed`] when the account is not the one that was read, [`Error::LastOperator`].
    pub async fn set_roles(
        &self,
        id: UserId,
        mut roles: Vec<Role>,
        if_match: IfMatch,
    ) -> Result<User, Error> {
        roles.sort_unstable();
        roles.dedup();
        self.inner
            .store
            .write(move |tx| {
                let user = read_as_expected(tx, id, &if_match)?;
                let stays = roles.contains(&Role::Operator);
                keep_an_operator(tx, &user, stays)?;
                roles::replace(tx, id, &roles)?;
                changed(tx, id)
            })
            .await
    }

    /// Disables an account, which ends its logins, or enables it again.
    ///
    /// # Errors
    /// As [`Service::set_roles`].
    pub async fn set_disabled(&self, id: UserId, disabled: bool, if_match: IfMatch) -> Result<User, Error> {
        self.inner
            .store
            .write(move |tx| {
                let user = read_as_expected(tx, id, &if_match)?;
                keep_an_operator(tx, &user, !disabled)?;
                users::set_disabled(tx, id, disabled)?;
                if disabled {
                    sessions::end(tx, id, Which::All, Timestamp::now())?;
                }
                changed(tx, id)
            })
            .await
    }

    /// Gives the account with an e-mail address one role more. For whoever runs the program: nobody has to be logged in, so that there can
    /// be a first operator.
    ///
    /// # Errors
    /// [`Error::UserNotFound`].
    pub async fn grant(&self, email: &str, role: Role) -> Result<User, Error> {
        let key = Email::parse(email).map_err(|_no_address| Error::UserNotFound)?.key().to_owned();
        self.inner
            .store
            .write(move |tx| {
                let id = users::find_by_email(tx, &key)?.ok_or(Error::UserNotFound)?.id;
                let mut roles = roles::of_user(tx, id)?;
                if !roles.contains(&role) {
                    roles.push(role);
                    roles::replace(tx, id, &roles)?;
                }
                changed(tx, id)
            })
            .await
    }

    /// Makes an account with roles unless one with the e-mail address exists; says whether it did.
    pub(crate) async fn ensure(&self, registration: Registration, given: Vec<Role>) -> Result<bool, Error> {
        let key = registration.email.key().to_owned();
        let known: Read<_> = self.inner.store.read(move |db| users::find_by_email(db, &key)).await;
        if known?.is_some() {
            return Ok(false);
        }
        let hash = self.inner.passwords.turn().await?.hash(registration.password.secret()).await?;
        let row = super::accounts::new_row(&registration, hash);
        self.inner
            .store
            .write(move |tx| {
                if !users::insert(tx, &row)? {
                    return Ok(false);
                }
                roles::replace(tx, row.id, &given)?;
                Ok::<_, Error>(true)
            })
            .await
    }
}

fn read_as_expected(tx: &mut Tx<'_>, id: UserId, if_match: &IfMatch) -> Result<User, Error> {
    let user = users::load(tx, id)?.ok_or(Error::UserNotFound)?;
    if_match.check(&ETag::of_version(user.version)).map_err(|_mismatch| Error::Changed)?;
    Ok(user)
}

fn keep_an_operator(tx: &mut Tx<'_>, user: &User, stays: bool) -> Result<(), Error> {
    let was = user.roles.contains(&Role::Operator) && !user.disabled;
    let others = roles::count_other_operators(tx, user.id)?;
    if loses_last_operator(was, stays, others) { Err(Error::LastOperator) } else { Ok(()) }
}

fn changed(tx: &mut Tx<'_>, id: UserId) -> Result<User, Error> {
    users::touch(tx, id, Timestamp::now())?;
    users::load(tx, id)?.ok_or(Error::UserNotFound)
}

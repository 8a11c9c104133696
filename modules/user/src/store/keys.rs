//! The keys that sign access tokens.

use diesel::prelude::*;
use kernel::on_each;
use kernel::store::{Db, StoreError, Tx};
use kernel::{PublicKey, Timestamp};

use crate::schema::signing_keys;

/// A key as it is stored. No `Debug`: it holds the private half.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys)]
pub(crate) struct Row {
    pub(crate) kid: String,
    /// PKCS #8 (RFC 8410) in base64.
    pub(crate) private_key: String,
    /// The 32 bytes in base64url, as in a JWK.
    pub(crate) public_key: String,
    pub(crate) created_at: Timestamp,
    pub(crate) retired_at: Option<Timestamp>,
}

/// The key that signs now.
pub(crate) fn current(db: &mut Db) -> Result<Option<Row>, StoreError> {
    let current =
        signing_keys::table.filter(signing_keys::retired_at.is_null()).order(signing_keys::created_at.desc());
    Ok(on_each!(db, conn => current.select(Row::as_select()).first(conn).optional())?)
}

/// The public halves of all that may have signed a token that is still good, the present one first.
pub(crate) fn public(db: &mut Db) -> Result<Vec<PublicKey>, StoreError> {
    let keys = signing_keys::table
        .order((signing_keys::created_at.desc(), signing_keys::kid))
        .select((signing_keys::kid, signing_keys::public_key));
    let keys: Vec<(String, String)> = on_each!(db, conn => keys.load(conn))?;
    Ok(keys.into_iter().map(|(kid, x)| PublicKey { kid, x }).collect())
}

pub(crate) fn insert(tx: &mut Tx<'_>, row: &Row) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::insert_into(signing_keys::table).values(row).execute(conn))?;
    Ok(())
}

/// Retires every key that is not.
pub(crate) fn retire(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
    let current = signing_keys::table.filter(signing_keys::retired_at.is_null());
    let change = diesel::update(current).set(signing_keys::retired_at.eq(now));
    on_each!(tx, conn => change.execute(conn))?;
    Ok(())
}

/// Deletes keys that were retired before `cutoff`.
pub(crate) fn delete_retired(tx: &mut Tx<'_>, cutoff: Timestamp) -> Result<(), StoreError> {
    let old = signing_keys::table.filter(signing_keys::retired_at.lt(cutoff));
    on_each!(tx, conn => diesel::delete(old).execute(conn))?;
    Ok(())
}

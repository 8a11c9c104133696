//! Refresh tokens, by their digests.

use diesel::prelude::*;
use kernel::on_each;
use kernel::store::{Db, StoreError, Tx};
use kernel::{SessionId, Timestamp};

use crate::schema::{refresh_tokens, sessions};

/// A token as it is stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = refresh_tokens)]
pub(crate) struct Row {
    pub(crate) digest: String,
    pub(crate) session_id: SessionId,
    pub(crate) created_at: Timestamp,
    pub(crate) used_at: Option<Timestamp>,
}

/// Adds the token that is now the good one of its session.
pub(crate) fn insert(
    tx: &mut Tx<'_>,
    digest: &str,
    session_id: SessionId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = Row { digest: digest.to_owned(), session_id, created_at: now, used_at: None };
    on_each!(tx, conn => diesel::insert_into(refresh_tokens::table).values(&row).execute(conn))?;
    Ok(())
}

pub(crate) fn find(db: &mut Db, digest: &str) -> Result<Option<Row>, StoreError> {
    let token = refresh_tokens::table.find(digest);
    Ok(on_each!(db, conn => token.select(Row::as_select()).first(conn).optional())?)
}

pub(crate) fn mark_used(tx: &mut Tx<'_>, digest: &str, now: Timestamp) -> Result<(), StoreError> {
    let change = diesel::update(refresh_tokens::table.find(digest)).set(refresh_tokens::used_at.eq(now));
    on_each!(tx, conn => change.execute(conn))?;
    Ok(())
}

/// Up to `most` tokens that were used before `cutoff`.
pub(crate) fn find_used(db: &mut Db, cutoff: Timestamp, most: i64) -> Result<Vec<String>, StoreError> {
    let used = refresh_tokens::table.filter(refresh_tokens::used_at.lt(cutoff));
    Ok(on_each!(db, conn => used.select(refresh_tokens::digest).limit(most).load(conn))?)
}

/// Up to `most` tokens of logins that expired before `cutoff`.
pub(crate) fn find_expired(db: &mut Db, cutoff: Timestamp, most: i64) -> Result<Vec<String>, StoreError> {
    let expired = refresh_tokens::table.inner_join(sessions::table).filter(sessions::expires_at.lt(cutoff));
    Ok(on_each!(db, conn => expired.select(refresh_tokens::digest).limit(most).load(conn))?)
}

pub(crate) fn delete(tx: &mut Tx<'_>, digests: &[String]) -> Result<(), StoreError> {
    let found = refresh_tokens::table.filter(refresh_tokens::digest.eq_any(digests));
    on_each!(tx, conn => diesel::delete(found).execute(conn))?;
    Ok(())
}

//! Logins.

use diesel::prelude::*;
use kernel::on_each;
use kernel::store::{Db, StoreError, Tx};
use kernel::{SessionId, Timestamp, UserId};

use crate::domain::Session;
use crate::schema::{sessions, users};

/// A login as it is stored.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
pub(crate) struct Row {
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) user_agent: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
}

/// Which of an account's logins to end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    /// All of them.
    All,
    /// All but the one that asks.
    AllBut(SessionId),
    /// One.
    Only(SessionId),
}

pub(crate) fn insert(tx: &mut Tx<'_>, row: &Row) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::insert_into(sessions::table).values(row).execute(conn))?;
    Ok(())
}

pub(crate) fn find(db: &mut Db, id: SessionId) -> Result<Option<Row>, StoreError> {
    Ok(on_each!(db, conn => sessions::table.find(id).select(Row::as_select()).first(conn).optional())?)
}

/// Whether the login has not ended, and its account is enabled.
pub(crate) fn is_alive(
    db: &mut Db,
    id: SessionId,
    user_id: UserId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let alive = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(id))
        .filter(sessions::user_id.eq(user_id))
        .filter(sessions::ended_at.is_null())
        .filter(sessions::expires_at.gt(now))
        .filter(users::disabled.eq(false));
    Ok(on_each!(db, conn => diesel::select(diesel::dsl::exists(alive)).get_result(conn))?)
}

/// The account's logins that have not ended, from the newest to the oldest, beginning after `after`.
pub(crate) fn list_alive(
    db: &mut Db,
    user_id: UserId,
    now: Timestamp,
    after: Option<SessionId>,
    limit: i64,
) -> Result<Vec<Session>, StoreError> {
    let rows: Vec<Row> = on_each!(db, conn => {
        let mut query = sessions::table
            .select(Row::as_select())
            .filter(sessions::user_id.eq(user_id))
            .filter(sessions::ended_at.is_null())
            .filter(sessions::expires_at.gt(now))
            .order(sessions::id.desc())
            .limit(limit)
            .into_boxed();
        if let Some(after) = after {
            query = query.filter(sessions::id.lt(after));
        }
        query.load(conn)
    })?;
    Ok(rows.into_iter().map(Row::into_session).collect())
}

/// Notes that the login is in use.
pub(crate) fn extend(
    tx: &mut Tx<'_>,
    id: SessionId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let change = diesel::update(sessions::table.find(id))
        .set((sessions::last_used_at.eq(now), sessions::expires_at.eq(expires_at)));
    on_each!(tx, conn => change.execute(conn))?;
    Ok(())
}

/// Ends logins of the account; says how many had not ended before.
pub(crate) fn end(
    tx: &mut Tx<'_>,
    user_id: UserId,
    which: Which,
    now: Timestamp,
) -> Result<usize, StoreError> {
    // One that has run out by itself needs no end, and keeps its earlier expiry.
    let alive =
        sessions::user_id.eq(user_id).and(sessions::ended_at.is_null()).and(sessions::expires_at.gt(now));
    let ended = (sessions::ended_at.eq(now), sessions::expires_at.eq(now));
    let update = diesel::update(sessions::table).set(ended).filter(alive);
    Ok(match which {
        Which::All => on_each!(tx, conn => update.execute(conn)),
        Which::AllBut(id) => on_each!(tx, conn => update.filter(sessions::id.ne(id)).execute(conn)),
        Which::Only(id) => on_each!(tx, conn => update.filter(sessions::id.eq(id)).execute(conn)),
    }?)
}

/// Up to `most` logins that expired before `cutoff`.
pub(crate) fn find_expired(db: &mut Db, cutoff: Timestamp, most: i64) -> Result<Vec<SessionId>, StoreError> {
    let expired = sessions::table.filter(sessions::expires_at.lt(cutoff));
    Ok(on_each!(db, conn => expired.select(sessions::id).limit(most).load(conn))?)
}

/// Deletes logins with the tokens that they still have.
pub(crate) fn delete(tx: &mut Tx<'_>, ids: &[SessionId]) -> Result<(), StoreError> {
    let found = sessions::table.filter(sessions::id.eq_any(ids));
    on_each!(tx, conn => diesel::delete(found).execute(conn))?;
    Ok(())
}

// === impl Row ===

impl Row {
    pub(crate) fn into_session(self) -> Session {
        Session {
            id: self.id,
            user_agent: self.user_agent,
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            expires_at: self.expires_at,
        }
    }
}

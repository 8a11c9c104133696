//! The fence: who may write a store is decided in the store, inside the write's own transaction.
//!
//! **Why.** Whoever routes requests can be wrong: a process that was stopped for a minute still believes what it was told.
//! The store itself cannot be.
//!
//! **Rules.** Each store has one row, its *ownership*. Every connection that writes presents an epoch, by a function that
//! is registered on it when it is opened and never changes. Triggers on every table compare the two: a connection with
//! another epoch, or without any (the `sqlite3` program), cannot write, nor can anybody while the store is sealed but the
//! handover that sealed it, which presents its name. A fencing token as in Kleppmann, *How to do distributed locking*.
//!
//! The triggers are the safety; [`check`] at the beginning of each batch only makes the answer uniform.

use std::fmt::Write as _;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::{Db, StoreError};
use crate::schema::ownership;

/// What the triggers say.
pub(super) const REFUSED: &str = "fenced: the store is sealed or belongs to another epoch";

/// Tables without a fence: the ownership itself, what a handover keeps beside it, and what is changed only together with the schema.
const APART: [&str; 3] = ["ownership", "handover_changes", "__diesel_schema_migrations"];

diesel::define_sql_function! {
    /// The epoch that a connection presents.
    fn module_epoch() -> BigInt;
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Whose a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) epoch: u64,
    pub(super) sealed: bool,
}

/// Lets the connection present `epoch` for as long as it lives.
pub(super) fn present(connection: &mut SqliteConnection, epoch: u64) -> QueryResult<()> {
    let epoch = i64::try_from(epoch).unwrap_or(i64::MAX);
    module_epoch_utils::register_nondeterministic_impl(connection, move || epoch)
}

/// Puts the fence around every table that has none yet.
pub(super) fn put_up(connection: &mut SqliteConnection) -> QueryResult<()> {
    let tables: Vec<Named> = diesel::sql_query(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY name",
    )
    .load(connection)?;
    let mut triggers = String::new();
    for table in tables.iter().map(|table| &table.name).filter(|name| !APART.contains(&name.as_str())) {
        for change in ["INSERT", "UPDATE", "DELETE"] {
            // A store without its row is nobody's.
            let written = write!(
                triggers,
                "CREATE TRIGGER IF NOT EXISTS \"fence_{table}_{change}\" BEFORE {change} ON \"{table}\" \
                 WHEN coalesce((SELECT module_epoch() IS NOT \
                   CASE WHEN sealed THEN 'apply ' || operation ELSE epoch END FROM ownership), 1) \
                 BEGIN SELECT raise(ABORT, '{REFUSED}'); END;"
            );
            debug_assert!(written.is_ok(), "a String takes everything");
        }
    }
    connection.batch_execute(&triggers)
}

/// Whose the store is.
pub(super) fn read(db: &mut Db) -> Result<Owned, StoreError> {
    let (epoch, sealed): (i64, bool) = crate::on_each!(db, conn => ownership::table
        .select((ownership::epoch, ownership::sealed))
        .first(conn))?;
    Ok(Owned { epoch: u64::try_from(epoch).unwrap_or(0), sealed })
}

/// Passes if the store is open, and in `epoch`.
pub(super) fn check(db: &mut Db, epoch: u64) -> Result<(), StoreError> {
    match read(db)? {
        Owned { epoch: owner_epoch, sealed: false } if owner_epoch == epoch => Ok(()),
        Owned { epoch: owner_epoch, .. } => Err(StoreError::Fenced { owner_epoch }),
    }
}

//! A connection to either engine, and a transaction on it.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::{PgConnection, QueryResult, SqliteConnection};

use super::StoreError;

thread_local! {
    static IN_TRANSACTION: Cell<bool> = const { Cell::new(false) };
}

/// A connection to either engine.
pub enum Db {
    /// SQLite.
    Sqlite(SqliteConnection),
    /// PostgreSQL.
    Postgres(PgConnection),
}

/// A transaction that may write. Only a store makes one, so a function that takes it cannot be called outside.
pub struct Tx<'a> {
    db: &'a mut Db,
}

/// What [`on_each!`](crate::on_each) can run a query on.
pub trait AsDb {
    /// The connection.
    fn as_db(&mut self) -> &mut Db;
}

/// Runs one query on whichever engine the connection belongs to: the same text is compiled once for each.
///
/// ```ignore
/// let name = on_each!(db, conn => users::table.find(id).select(users::name).first::<String>(conn))?;
/// ```
///
/// What carries the engine in its type (`Row::as_select()`, `into_boxed()`) must stand inside; what does not (tables, filters,
/// insertable rows) may be made before and used by both.
#[macro_export]
macro_rules! on_each {
    ($db:expr, $conn:ident => $query:expr) => {
        match $crate::store::AsDb::as_db($db) {
            $crate::store::Db::Sqlite($conn) => $query,
            $crate::store::Db::Postgres($conn) => $query,
        }
    };
}

/// Ends the mark that this thread is inside a transaction, also when a closure panics.
struct Inside;

// === impl Db ===

impl AsDb for Db {
    fn as_db(&mut self) -> &mut Db {
        self
    }
}

impl Db {
    /// Runs `change` as a transaction that has begun; the caller commits or rolls back.
    pub(super) fn inside<T>(&mut self, change: impl FnOnce(&mut Tx<'_>) -> T) -> T {
        let _inside = Inside::enter();
        change(&mut Tx { db: self })
    }

    pub(super) fn begin_write(&mut self) -> Result<(), StoreError> {
        match self {
            // A deferred transaction that reads before it writes fails at once when another has written meanwhile; one that
            // begins as a writer waits for its turn.
            Self::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE"),
            Self::Postgres(conn) => {
                AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN ISOLATION LEVEL SERIALIZABLE")
            }
        }
        .map_err(StoreError::from)
    }

    /// Begins a transaction that changes the schema. It sees what another process did before it got the lock.
    pub(super) fn begin_migrations(&mut self) -> QueryResult<()> {
        match self {
            Self::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE"),
            Self::Postgres(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN"),
        }
    }

    pub(super) fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN DEFERRED"),
            Self::Postgres(conn) => AnsiTransactionManager::begin_transaction_sql(
                conn,
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            ),
        }
        .map_err(StoreError::from)
    }

    /// Begins a part that can be undone alone.
    pub(super) fn savepoint(&mut self) -> QueryResult<()> {
        on_each!(self, conn => AnsiTransactionManager::begin_transaction(conn))
    }

    pub(super) fn commit(&mut self) -> QueryResult<()> {
        on_each!(self, conn => AnsiTransactionManager::commit_transaction(conn))
    }

    /// Rolls back the transaction or the savepoint. Says whether that worked: when it did not, the whole transaction is void.
    pub(super) fn rollback(&mut self) -> bool {
        on_each!(self, conn => AnsiTransactionManager::rollback_transaction(conn)).is_ok()
    }

    pub(super) fn ping(&mut self) -> Result<(), StoreError> {
        on_each!(self, conn => conn.batch_execute("SELECT 1")).map_err(StoreError::from)
    }
}

// === impl Tx ===

impl AsDb for Tx<'_> {
    fn as_db(&mut self) -> &mut Db {
        self.db
    }
}

impl Deref for Tx<'_> {
    type Target = Db;

    fn deref(&self) -> &Db {
        self.db
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Db {
        self.db
    }
}

// === impl Inside ===

impl Inside {
    fn enter() -> Self {
        IN_TRANSACTION.set(true);
        Self
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        IN_TRANSACTION.set(false);
    }
}

/// Refuses to use a store from inside a transaction, whether another store's or this one's: the first would be a transaction
/// over two stores, the second would wait for itself.
pub(super) fn refuse_nesting() -> Result<(), StoreError> {
    if IN_TRANSACTION.get() { Err(StoreError::Nested) } else { Ok(()) }
}

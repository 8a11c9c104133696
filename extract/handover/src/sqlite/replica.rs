//! One file of the two.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior};

use super::{MoveError, Replica};
use crate::machine::{Ownership, StoreSeen};
use crate::peel::OperationId;

/// How long a lock that a module's process holds is waited for when nobody waits for us.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Foreign keys are off: rows come in any order, and are right together. A delete that an `INSERT OR REPLACE` implies must
/// reach the triggers. The log is folded in when there is time for it ([`fold_log`]), and never by a commit of the switch.
const EVERY_CONNECTION: &str = "\
    PRAGMA journal_mode = WAL;\
    PRAGMA synchronous = FULL;\
    PRAGMA foreign_keys = OFF;\
    PRAGMA recursive_triggers = ON;\
    PRAGMA wal_autocheckpoint = 0;\
    PRAGMA temp_store = MEMORY;\
    PRAGMA cache_size = -16000;";

/// What a connection presents to the fence.
#[derive(Debug, Clone, Copy)]
pub(super) enum Present {
    /// That it applies the changes of this handover.
    Apply(OperationId),
    /// That it is an owner in this epoch.
    Epoch(u64),
}

/// Names of a store's tables that are the module's own.
pub(super) const OWN_TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' \
    AND name NOT LIKE 'sqlite!_%' ESCAPE '!' \
    AND name NOT IN ('ownership', 'handover_changes', '__diesel_schema_migrations') ORDER BY name";

/// What is seen of the store in a file.
pub fn look(path: &Path) -> StoreSeen {
    Replica::at(path.to_owned()).look()
}

/// Opens an existing store for the steps of a handover.
pub(super) fn open(path: &Path, present: Present) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch(EVERY_CONNECTION)?;
    connection.set_prepared_statement_cache_capacity(128);
    present_on(&connection, present)?;
    Ok(connection)
}

fn present_on(connection: &Connection, present: Present) -> Result<(), rusqlite::Error> {
    let flags = FunctionFlags::SQLITE_UTF8;
    match present {
        Present::Apply(operation) => {
            let presented = format!("apply {operation}");
            connection.create_scalar_function("module_epoch", 0, flags, move |_| Ok(presented.clone()))
        }
        Present::Epoch(epoch) => {
            let presented = i64::try_from(epoch).unwrap_or(i64::MAX);
            connection.create_scalar_function("module_epoch", 0, flags, move |_| Ok(presented))
        }
    }
}

/// The ownership row.
pub(super) fn ownership(connection: &Connection) -> Result<Ownership, rusqlite::Error> {
    let mut read =
        connection.prepare_cached("SELECT epoch, sealed, operation, position, applied FROM ownership")?;
    read.query_row([], |row| {
        let operation: Option<String> = row.get(2)?;
        Ok(Ownership {
            epoch: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
            sealed: row.get(1)?,
            // What cannot be read is nobody's.
            operation: operation.and_then(|operation| operation.parse().ok()),
            position: row.get(3)?,
            applied: row.get(4)?,
        })
    })
}

/// Whether the file is none that this program made. One that is damaged is ours and cannot be read.
fn is_foreign(error: &rusqlite::Error) -> bool {
    let missing = |error: &rusqlite::Error| error.to_string().contains("no such table: ownership");
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase)
        || missing(error)
        || matches!(error, rusqlite::Error::QueryReturnedNoRows)
}

// === impl Replica ===

impl Replica {
    /// The store in this file.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, connection: None, opened: 0, patience: PATIENCE }
    }

    /// Waits no longer than this for locks.
    pub(super) fn wait_at_most(&mut self, patience: Duration) {
        if self.patience == patience {
            return;
        }
        self.patience = patience;
        let told = self.connection.as_ref().map(|open| open.busy_timeout(patience));
        if let Some(Err(error)) = told {
            log::warn!("{} is opened anew: {error}", self.path.display());
            self.connection = None;
        }
    }

    /// Lets an open connection present another handover.
    pub(super) fn present(&mut self, operation: OperationId) {
        let presented = self.connection.as_ref().map(|open| present_on(open, Present::Apply(operation)));
        if let Some(Err(error)) = presented {
            log::warn!("{} is opened anew: {error}", self.path.display());
            self.connection = None;
        }
    }

    /// What is seen of it.
    pub(super) fn look(&mut self) -> StoreSeen {
        if !self.path.exists() {
            self.connection = None;
            return StoreSeen::Absent;
        }
        let seen = match &self.connection {
            Some(connection) => ownership(connection),
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(&self.path, flags).and_then(|connection| {
                    connection.busy_timeout(self.patience)?;
                    ownership(&connection)
                })
            }
        };
        match seen {
            Ok(row) => StoreSeen::Owned(row),
            Err(error) if is_foreign(&error) => {
                self.connection = None;
                StoreSeen::Foreign
            }
            Err(error) => {
                log::warn!("{} cannot be looked at: {error}", self.path.display());
                self.connection = None;
                StoreSeen::Unreadable
            }
        }
    }

    /// The connection, opened when it is not.
    pub(super) fn connect(&mut self, operation: OperationId) -> Result<&mut Connection, MoveError> {
        let opened = match self.connection.take() {
            Some(connection) => Ok(connection),
            None => {
                self.opened += 1;
                let patience = self.patience;
                open(&self.path, Present::Apply(operation)).and_then(|opened| {
                    opened.busy_timeout(patience)?;
                    Ok(opened)
                })
            }
        };
        Ok(self.connection.insert(opened.map_err(|error| failed(&self.path, error))?))
    }

    /// Runs `change` in a transaction that holds the store's write lock from its beginning. A connection that failed is not
    /// used again.
    pub(super) fn change<T>(
        &mut self,
        operation: OperationId,
        change: impl FnOnce(&Transaction<'_>, &Path) -> Result<T, MoveError>,
    ) -> Result<T, MoveError> {
        let path = self.path.clone();
        let connection = self.connect(operation)?;
        let run = || {
            let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
            let transaction = begun.map_err(|error| failed(&path, error))?;
            let done = change(&transaction, &path)?;
            transaction.commit().map_err(|error| failed(&path, error))?;
            Ok(done)
        };
        let done = run();
        if matches!(done, Err(MoveError::Store { .. })) {
            self.connection = None;
        }
        done
    }

    pub(super) fn not_mine(&self, why: &str) -> MoveError {
        MoveError::NotMine { path: self.path.display().to_string(), why: why.to_owned() }
    }

    /// The file that stands beside the store under another ending.
    pub(super) fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        self.path.with_file_name(name)
    }
}

/// Folds the write-ahead log into the file, as far as nobody reads it, without keeping anybody waiting.
pub(super) fn fold_log(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// Names of the module's own tables.
pub(super) fn tables(connection: &Connection) -> Result<Vec<String>, rusqlite::Error> {
    connection.prepare_cached(OWN_TABLES)?.query_map([], |row| row.get(0))?.collect()
}

/// The definitions of everything in the store that is the module's own, as they were written.
pub(super) fn schema(connection: &Connection) -> Result<Vec<(String, String)>, rusqlite::Error> {
    let mut read = connection.prepare_cached(
        "SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'capture!_%' ESCAPE '!' \
         AND tbl_name NOT IN ('handover_changes', 'sqlite_sequence', 'sqlite_stat1', 'sqlite_stat4') ORDER BY name",
    )?;
    read.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// The store's counters of `AUTOINCREMENT` keys.
pub(super) fn counters(connection: &Connection) -> Result<Vec<(String, i64)>, rusqlite::Error> {
    let kept: Option<i64> = connection
        .query_row("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'", [], |row| row.get(0))
        .optional()?;
    if kept.is_none() {
        return Ok(Vec::new());
    }
    let mut read = connection.prepare_cached("SELECT name, seq FROM sqlite_sequence ORDER BY name")?;
    read.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

pub(super) fn failed(path: &Path, source: rusqlite::Error) -> MoveError {
    MoveError::Store { path: path.display().to_string(), source }
}

pub(super) fn file_failed(path: &Path, source: std::io::Error) -> MoveError {
    MoveError::File { path: path.display().to_string(), source }
}

//! What can go wrong with a store.

use std::cell::Cell;

use super::fence;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use kernel_types::{CallError, Coded, ErrorCode, Executed};

thread_local! {
    /// Set when the engine said that this thread's transaction must be run again.
    static MUST_RERUN: Cell<bool> = const { Cell::new(false) };
}

/// A read or write that did not give its result.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A statement failed.
    #[error("a statement failed")]
    Query(#[source] DieselError),
    /// A unique constraint would be violated.
    #[error("a unique constraint would be violated")]
    Conflict(#[source] DieselError),
    /// Too much is waiting, or it waited too long; nothing was run.
    #[error("the store is busy")]
    Busy,
    /// No connection to the store; nothing was run.
    #[error("the store cannot be reached: {0}")]
    Unreachable(String),
    /// The commit failed in a way that leaves open whether it happened.
    #[error("the outcome of a commit is unknown: {0}")]
    Unknown(String),
    /// The store has been closed; nothing was run.
    #[error("the store is closed")]
    Closed,
    /// The store is sealed or belongs to another epoch; nothing was written.
    #[error("the store is sealed or belongs to another epoch: {owner_epoch}")]
    Fenced {
        /// Its epoch now; 0 if that was not read.
        owner_epoch: u64,
    },
    /// A store was used inside another store's transaction.
    #[error("a transaction may not reach into a second store")]
    Nested,
    /// The closure panicked; the transaction was rolled back.
    #[error("a transaction panicked")]
    Panicked,
    /// A row holds a value that the module cannot read.
    #[error("a row cannot be read: {0}")]
    Corrupt(String),
}

/// Why a store could not be opened. Nothing in it has been changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its directory cannot be created or written.
    #[error("cannot write to {path}: {reason}")]
    NotWritable {
        /// The file or directory.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// The file is not a SQLite database, or is damaged.
    #[error(
        "{path} is damaged or not a SQLite database ({reason}); nothing was changed. Restore it from a backup, or move it away to start anew"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What SQLite says.
        reason: String,
    },
    /// A newer program has changed the schema.
    #[error(
        "the {module} store at {url} has schema version {found}, which is newer than this program's {known}; nothing was changed. Use the newer program"
    )]
    Newer {
        /// Whose store.
        module: &'static str,
        /// Where it is.
        url: String,
        /// Newest version in the store.
        found: String,
        /// Newest version this program knows.
        known: String,
    },
    /// The store was handed over.
    #[error(
        "the {module} store at {url} belongs to epoch {found} and this process to {epoch}; nothing was changed. `banyan status` says where the module is now"
    )]
    Fenced {
        /// Whose store.
        module: &'static str,
        /// Where it is.
        url: String,
        /// Of the store.
        found: u64,
        /// Of this process.
        epoch: u64,
    },
    /// The server does not answer or refuses.
    #[error("cannot connect to {url}: {reason}")]
    Unreachable {
        /// Where it is.
        url: String,
        /// What the server or libpq says.
        reason: String,
    },
    /// A migration failed; it was rolled back.
    #[error("a migration of the {module} store at {url} failed: {reason}")]
    Migration {
        /// Whose store.
        module: &'static str,
        /// Where it is.
        url: String,
        /// What the engine says.
        reason: String,
    },
    /// A statement failed.
    #[error("the store at {url} cannot be used")]
    Unusable {
        /// Where it is.
        url: String,
        /// The failure.
        #[source]
        source: StoreError,
    },
}

// === impl StoreError ===

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::Conflict(error),
            DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => {
                MUST_RERUN.set(true);
                Self::Query(error)
            }
            DieselError::DatabaseError(_, info) if info.message() == fence::REFUSED => {
                Self::Fenced { owner_epoch: 0 }
            }
            // Another process kept the file locked for longer than `busy_timeout`.
            DieselError::DatabaseError(_, info) if info.message() == "database is locked" => Self::Busy,
            DieselError::DatabaseError(_, info) if info.message().contains("deadlock detected") => {
                MUST_RERUN.set(true);
                Self::Query(error)
            }
            _ => Self::Query(error),
        }
    }
}

impl StoreError {
    /// How a contract's method of `module` tells its caller that the store failed.
    pub fn into_call_error<E>(self, module: &'static str) -> CallError<E> {
        if let Self::Fenced { owner_epoch } = self {
            return CallError::Misdirected { module, owner_epoch };
        }
        log::error!("the {module} store failed: {self:?}");
        let executed = match self {
            Self::Unknown(_) => Executed::Maybe,
            _ => Executed::No,
        };
        CallError::Unavailable { module, executed }
    }
}

impl Coded for StoreError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Busy => ErrorCode::Overloaded,
            // Not 421: what came before in the same request may have been written, so nobody may send it again unasked.
            Self::Unreachable(_) | Self::Unknown(_) | Self::Closed | Self::Fenced { .. } => {
                ErrorCode::ModuleUnavailable
            }
            Self::Query(_) | Self::Conflict(_) | Self::Nested | Self::Panicked | Self::Corrupt(_) => {
                ErrorCode::Internal
            }
        }
    }
}

/// Whether the engine has asked, since the last time, for this thread's transaction to be run again. The transaction's own
/// error type is the module's, which need not keep the engine's error; this does.
pub(super) fn take_must_rerun() -> bool {
    MUST_RERUN.replace(false)
}

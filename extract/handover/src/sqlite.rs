//! What a handover does to two stores that are SQLite files.
//!
//! | part | what it does |
//! |---|---|
//! | `replica` | one file: opening it, its ownership, its schema |
//! | `capture` | writes down which rows change, while a handover runs |
//! | `copy` | the base copy |
//! | `apply` | brings changed rows from one store to the other |
//! | `verify` | compares the stores, whole or what changed |
//! | `rows` | rows as values, and their digests |
//! | `switch` | seals, proves, opens |
//! | `residue` | leaves nothing behind |
//!
//! Each of them looks at the stores' rows first and does nothing twice, so that it can be asked for again after a crash at
//! any point. All of them block.

mod apply;
mod capture;
mod copy;
mod replica;
mod residue;
mod rows;
mod switch;
mod verify;

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;

use crate::machine::{Handover, StoreSeen};
use crate::peel::OperationId;

pub use apply::Applied;
pub use copy::Progress;
pub use replica::{PATIENCE, look};
pub use residue::PutAside;
pub use verify::{Compared, TableDigest};

/// Why a step on the stores did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// It cannot be done, for a reason that somebody can do something about.
    #[error("{0}")]
    Refused(String),
    /// The stores differ.
    #[error("the stores differ: {0}")]
    Differs(String),
    /// Somebody else had the target in their hands while the stores were compared: they have to be compared again.
    #[error("somebody else changed the target's file while the stores were compared")]
    Touched,
    /// The stores are not as this step needs them: somebody else is at work, or was.
    #[error("{path} is not as this handover left it: {why}")]
    NotMine {
        /// The store.
        path: String,
        /// What is found.
        why: String,
    },
    /// SQLite failed.
    #[error("{path}: {source}")]
    Store {
        /// The store.
        path: String,
        /// What it says.
        source: rusqlite::Error,
    },
    /// The file system failed.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What it says.
        source: std::io::Error,
    },
}

/// The two stores of one handover, with connections that are kept open from step to step.
pub struct Pair {
    operation: OperationId,
    /// The handover that it goes on from.
    before: Option<OperationId>,
    /// The epoch before.
    epoch: u64,
    source: Replica,
    target: Replica,
    /// What was verified, and is watched since.
    verified: Option<verify::Verified>,
    /// The same with the stores' roles swapped: from the seal on the source follows.
    returning: Option<verify::Verified>,
}

/// One file.
struct Replica {
    path: PathBuf,
    connection: Option<Connection>,
    /// How many connections there have been.
    opened: u64,
    /// How long a lock that somebody else holds is waited for.
    patience: Duration,
}

/// What the store in a file holds, by table.
///
/// # Errors
/// When it cannot be read.
pub fn held_by(path: &std::path::Path) -> Result<Vec<TableDigest>, MoveError> {
    // Nobody writes what was put aside; so nothing is made beside it for reading.
    let uri = format!(
        "file:{}?immutable=1",
        path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23")
    );
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY
        | rusqlite::OpenFlags::SQLITE_OPEN_URI
        | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let held = Connection::open_with_flags(uri, flags).and_then(|store| verify::digests(&store));
    held.map_err(|error| replica::failed(path, error))
}

// === impl Pair ===

impl Pair {
    /// The stores of `handover`, at these files.
    pub fn new(handover: &Handover, source: PathBuf, target: PathBuf) -> Self {
        Self {
            operation: handover.id,
            before: handover.plan.before(),
            epoch: handover.epoch,
            source: Replica::at(source),
            target: Replica::at(target),
            verified: None,
            returning: None,
        }
    }

    /// The stores as `next` has them, which goes on from this handover while it rests: as they are when this one went back,
    /// and with their roles swapped when it went over. What is known to be equal stays known.
    #[must_use]
    pub fn handed_on(mut self, next: &Handover, went_over: bool) -> Self {
        for replica in [&mut self.source, &mut self.target] {
            replica.present(next.id);
        }
        let (operation, before, epoch) = (next.id, next.plan.before(), next.epoch);
        match went_over {
            true => Self {
                operation,
                before,
                epoch,
                source: self.target,
                target: self.source,
                verified: self.returning,
                returning: None,
            },
            false => Self { operation, before, epoch, returning: None, ..self },
        }
    }

    /// Waits no longer than this for locks that the modules' processes hold, from now on.
    pub fn wait_at_most(&mut self, patience: Duration) {
        self.source.wait_at_most(patience);
        self.target.wait_at_most(patience);
    }

    /// What is seen of source and target.
    pub fn look(&mut self) -> (StoreSeen, StoreSeen) {
        (self.source.look(), self.target.look())
    }

    /// Makes sure that the target can be filled. Clears away what an older handover left at either store.
    ///
    /// # Errors
    /// [`MoveError::Refused`] says what stands against it.
    pub fn prepare(&mut self) -> Result<(), MoveError> {
        match self.before {
            None => self.clear_for_copy(),
            Some(before) => {
                self.adopt(before)?;
                self.refuse_changed_tables()
            }
        }
    }

    /// Closes the connections.
    pub fn close(&mut self) {
        self.source.connection = None;
        self.target.connection = None;
        self.verified = None;
        self.returning = None;
    }
}

#[cfg(test)]
mod tests;

//! Leaves nothing behind, and finds what others left.

use std::fs;
use std::path::PathBuf;

use rusqlite::{Connection, Transaction};

use super::copy::{PARTIAL, remove_logs, remove_store, sync_directory};
use super::replica::{failed, file_failed, ownership, tables};
use super::verify::{TableDigest, digests, schema_difference};
use super::{MoveError, Pair, Replica, capture, held_by};
use crate::machine::{Ownership, StoreSeen};
use crate::peel::OperationId;

/// What ends a handover at a store that stays.
const FREE: &str = "UPDATE ownership SET operation = NULL, position = NULL, applied = NULL";

/// A store that is kept under another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutAside {
    /// Its file.
    pub name: String,
    /// What it holds.
    pub holds: Vec<TableDigest>,
}

// === impl Pair ===

impl Pair {
    /// Looks whether a copy can be made, and clears away what an older handover left at the source.
    pub(super) fn clear_for_copy(&mut self) -> Result<(), MoveError> {
        self.check_room()?;
        remove_store(&self.target.beside(PARTIAL))?;
        // There is no such store, but a log of one that was may be left, and SQLite would take it for the new one's.
        remove_logs(&self.target.path)?;
        let (operation, epoch) = (self.operation, self.epoch);
        self.source.change(operation, |source, path| {
            let wrong = |error| failed(path, error);
            let row = ownership(source).map_err(wrong)?;
            if row.sealed || row.epoch != epoch {
                return Err(MoveError::Refused(format!(
                    "{} is sealed or at epoch {}, and should be open at epoch {epoch}",
                    path.display(),
                    row.epoch
                )));
            }
            refuse_unmovable(source).map_err(wrong)??;
            if row.operation != Some(operation)
                && (row.operation.is_some() || capture::is_armed(source).map_err(wrong)?)
            {
                capture::disarm(source).map_err(wrong)?;
                source.execute(FREE, []).map_err(wrong)?;
            }
            Ok(())
        })
    }

    /// Makes the two stores of an earlier handover, of which one follows the other, this one's.
    pub(super) fn adopt(&mut self, before: OperationId) -> Result<(), MoveError> {
        let operation = self.operation;
        for (replica, forgotten, follows) in [
            (&mut self.target, "position = NULL", true),
            (&mut self.source, "position = NULL, applied = NULL", false),
        ] {
            let not_mine = replica.not_mine("it does not belong to the handover that this one goes on from");
            replica.change(operation, |store, path| {
                let wrong = |error| failed(path, error);
                match ownership(store).map_err(wrong)?.operation {
                    Some(found) if found == operation => Ok(()),
                    Some(found) if found == before => {
                        if follows {
                            // Its log of before is of no use, and there is no time for it when the store changes hands.
                            capture::arm(store).map_err(wrong)?;
                        }
                        let taken = store.execute(
                            &format!("UPDATE ownership SET operation = ?1, {forgotten}"),
                            [operation.as_str()],
                        );
                        taken.map(drop).map_err(wrong)
                    }
                    _ => Err(not_mine),
                }
            })?;
        }
        Ok(())
    }

    /// Refuses to go on with a follower whose tables are not the owner's any more.
    pub(super) fn refuse_changed_tables(&mut self) -> Result<(), MoveError> {
        let operation = self.operation;
        let (source, target) = (self.source.connect(operation)?, self.target.connect(operation)?);
        let difference =
            schema_difference(source, target).map_err(|error| failed(&self.source.path, error))?;
        difference.map_or(Ok(()), |difference| {
            Err(MoveError::Refused(format!(
                "the module's tables have changed since the other store began to follow ({difference}), so it cannot take over; \
                 complete the handover, then move the module with a copy"
            )))
        })
    }

    /// Removes the target and ends the capture at the source. The caller has read that the handover goes back.
    ///
    /// # Errors
    /// When a store or the file system fails.
    pub fn clean_up(&mut self) -> Result<(), MoveError> {
        remove_store(&self.target.beside(PARTIAL))?;
        let target = self.target.look();
        self.target.connection = None;
        self.verified = None;
        match target {
            StoreSeen::Owned(Ownership { sealed: true, operation: Some(found), .. })
                if found == self.operation || Some(found) == self.before =>
            {
                remove_store(&self.target.path)?;
                sync_directory(&self.target.path)?;
            }
            StoreSeen::Unreadable => {
                return Err(self.target.not_mine("it cannot be read; remove it by hand"));
            }
            // Not ours to remove.
            StoreSeen::Absent | StoreSeen::Foreign | StoreSeen::Owned(_) => {}
        }
        release(self.operation, self.before, &mut self.source)?;
        self.close();
        Ok(())
    }

    /// Puts the source, which is sealed and has followed to the end, aside under another name, and ends the capture at the target.
    /// Gives the name and what the store holds, also when it was put aside before. The caller has read that the handover completes.
    ///
    /// # Errors
    /// When a store or the file system fails.
    pub fn retire(&mut self) -> Result<Option<PutAside>, MoveError> {
        let kept = self.source.beside(&format!(".epoch-{}", self.epoch));
        let put_aside = match self.source.look() {
            StoreSeen::Owned(row) if !row.sealed => return Err(self.source.not_mine("it is open")),
            StoreSeen::Owned(row) if row.operation.is_some_and(|found| found != self.operation) => {
                return Err(self.source.not_mine("another handover runs on it"));
            }
            StoreSeen::Owned(row) => {
                if row.operation == Some(self.operation) && self.source_can_follow()? {
                    while self.apply_back()?.left > 0 {}
                }
                Some(self.put_source_aside(kept)?)
            }
            // A process that did it died before it could say so.
            StoreSeen::Absent if kept.exists() => {
                remove_logs(&self.source.path)?;
                Some(PutAside { holds: held_by(&kept)?, name: kept.display().to_string() })
            }
            StoreSeen::Absent | StoreSeen::Foreign => None,
            StoreSeen::Unreadable => return Err(self.source.not_mine("it cannot be read")),
        };
        release(self.operation, None, &mut self.target)?;
        self.close();
        Ok(put_aside)
    }

    /// Whether rows of the target fit into the source: not if the module's program has changed its tables since.
    fn source_can_follow(&mut self) -> Result<bool, MoveError> {
        let operation = self.operation;
        let (source, target) = (self.source.connect(operation)?, self.target.connect(operation)?);
        let difference =
            schema_difference(source, target).map_err(|error| failed(&self.source.path, error))?;
        if let Some(difference) = &difference {
            log::warn!(
                "the old store is put aside without the last changes: the definition of {difference} differs"
            );
        }
        Ok(difference.is_none())
    }

    fn put_source_aside(&mut self, kept: PathBuf) -> Result<PutAside, MoveError> {
        let (operation, path) = (self.operation, self.source.path.clone());
        release(operation, None, &mut self.source)?;
        let source = self.source.connect(operation)?;
        let folded = source.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        if folded.map_err(|error| failed(&path, error))? != 0 {
            return Err(self.source.not_mine("somebody else is reading it"));
        }
        let holds = digests(source).map_err(|error| failed(&path, error))?;
        self.source.connection = None;
        fs::rename(&path, &kept).map_err(|error| file_failed(&kept, error))?;
        remove_logs(&path)?;
        sync_directory(&path)?;
        Ok(PutAside { name: kept.display().to_string(), holds })
    }
}

/// Ends the handover, or the one before it, at a store that stays as it is.
fn release(
    operation: OperationId,
    before: Option<OperationId>,
    store: &mut Replica,
) -> Result<(), MoveError> {
    store.change(operation, |store: &Transaction<'_>, path| {
        let wrong = |error| failed(path, error);
        let found = ownership(store).map_err(wrong)?.operation;
        if found.is_some() && (found == Some(operation) || found == before) {
            capture::disarm(store).map_err(wrong)?;
            store.execute(FREE, []).map_err(wrong)?;
        }
        Ok(())
    })
}

/// Refuses what cannot be followed row by row.
fn refuse_unmovable(source: &Connection) -> Result<Result<(), MoveError>, rusqlite::Error> {
    for table in tables(source)? {
        let kind: (String, bool) = source.query_row(
            "SELECT type, wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1",
            [&table],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        if kind.0 != "table" || kind.1 {
            return Ok(Err(MoveError::Refused(format!(
                "the table {table} is virtual or WITHOUT ROWID, which a handover cannot follow"
            ))));
        }
    }
    Ok(Ok(()))
}

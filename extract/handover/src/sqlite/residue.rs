//! Leaves nothing behind, and finds what others left.

use std::fs;

use rusqlite::{Connection, Transaction};

use super::copy::{PARTIAL, remove_store, sync_directory};
use super::replica::{failed, file_failed, ownership, tables};
use super::verify::{TableDigest, digests};
use super::{MoveError, Pair, Replica, capture};
use crate::machine::{Ownership, StoreSeen};
use crate::peel::OperationId;

/// What ends a handover at a store that stays.
const FREE: &str = "UPDATE ownership SET operation = NULL, position = NULL, applied = NULL";

// === impl Pair ===

impl Pair {
    /// Looks whether a copy can be made, and clears away what an older handover left at the source.
    pub(super) fn clear_for_copy(&mut self) -> Result<(), MoveError> {
        self.check_room()?;
        remove_store(&self.target.beside(PARTIAL))?;
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
        for (replica, forgotten) in
            [(&mut self.target, "position = NULL"), (&mut self.source, "position = NULL, applied = NULL")]
        {
            let not_mine = replica.not_mine("it does not belong to the handover that this one goes on from");
            replica.change(operation, |store, path| {
                let wrong = |error| failed(path, error);
                match ownership(store).map_err(wrong)?.operation {
                    Some(found) if found == operation => Ok(()),
                    Some(found) if found == before => {
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

    /// Removes the target and ends the capture at the source. The caller has read that the handover goes back.
    ///
    /// # Errors
    /// When a store or the file system fails.
    pub fn clean_up(&mut self) -> Result<(), MoveError> {
        let operation = self.operation;
        remove_store(&self.target.beside(PARTIAL))?;
        let target = self.target.look();
        self.target.connection = None;
        self.verified = None;
        match target {
            StoreSeen::Owned(Ownership { sealed: true, operation: Some(found), .. })
                if found == operation =>
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
        release(operation, &mut self.source)?;
        self.close();
        Ok(())
    }

    /// Puts the source, which is sealed and has followed to the end, aside under another name, and ends the capture at the target.
    /// Gives the name and what the store holds. The caller has read that the handover completes.
    ///
    /// # Errors
    /// When a store or the file system fails.
    pub fn retire(&mut self) -> Result<Option<(String, Vec<TableDigest>)>, MoveError> {
        let operation = self.operation;
        let kept = self.source.beside(&format!(".epoch-{}", self.epoch));
        let mut put_aside = None;
        if let StoreSeen::Owned(row) = self.source.look() {
            if !row.sealed {
                return Err(self.source.not_mine("it is open"));
            }
            if row.operation == Some(operation) {
                while self.apply_back()?.left > 0 {}
            }
            release(operation, &mut self.source)?;
            let path = self.source.path.clone();
            let source = self.source.connect(operation)?;
            let held = digests(source).and_then(|held| {
                source.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
                Ok(held)
            });
            let held = held.map_err(|error| failed(&path, error))?;
            self.source.connection = None;
            fs::rename(&path, &kept).map_err(|error| file_failed(&kept, error))?;
            remove_store(&path)?;
            sync_directory(&path)?;
            put_aside = Some((kept.display().to_string(), held));
        }
        release(operation, &mut self.target)?;
        self.close();
        Ok(put_aside)
    }

    /// Ends the capture that was armed at the target for the way back.
    ///
    /// # Errors
    /// When the target fails.
    pub fn disarm_target(&mut self) -> Result<(), MoveError> {
        let operation = self.operation;
        self.target
            .change(operation, |target, path| capture::disarm(target).map_err(|error| failed(path, error)))
    }
}

/// Ends the handover at a store that stays as it is.
fn release(operation: OperationId, store: &mut Replica) -> Result<(), MoveError> {
    store.change(operation, |store: &Transaction<'_>, path| {
        let wrong = |error| failed(path, error);
        if ownership(store).map_err(wrong)?.operation == Some(operation) {
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

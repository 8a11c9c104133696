//! The base copy.

use std::fs::{self, File};
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::replica::{Present, failed, file_failed, fold_log, open, ownership};
use super::{MoveError, Pair, capture};
use crate::machine::Ownership;

/// Ending of a copy that is not whole yet.
pub(super) const PARTIAL: &str = ".copying";
/// What must be free at the target beside what the source takes.
const SPARE: u64 = 16 << 20;

/// What must be free at the source, for the few rows that open it again.
const LITTLE: u64 = 1 << 20;

/// How far something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes or rows that are done.
    pub done: u64,
    /// Of so many.
    pub total: u64,
}

// === impl Pair ===

impl Pair {
    /// Captures changes at the source from now on, and copies it. What was copied before a crash is thrown away: one step of
    /// SQLite's backup reads one state of the store, and can be neither interrupted nor resumed; in small steps, which could
    /// be, it begins anew with every write, and never ends under load.
    ///
    /// The copy grows under another name. It gets its own when it is sealed, so no process ever finds a second open store. Gives its
    /// length in bytes.
    ///
    /// # Errors
    /// When a store or the file system fails.
    pub fn copy(&mut self) -> Result<u64, MoveError> {
        self.begin_capture()?;
        // What is in the log now stays there, and is looked through by everybody, for as long as the copy takes.
        let path = self.source.path.clone();
        fold_log(self.source.connect(self.operation)?).map_err(|error| failed(&path, error))?;
        let partial = self.target.beside(PARTIAL);
        remove_store(&partial)?;
        self.backup_to(&partial)?;
        self.seal_copy(&partial)?;
        let synced = File::open(&partial).and_then(|file| {
            file.sync_all()?;
            file.metadata()
        });
        let length = synced.map_err(|error| file_failed(&partial, error))?.len();
        // Never over anything: a driver that was stopped for an hour may come back to a target that is open by now.
        let renamed = rustix::fs::renameat_with(
            rustix::fs::CWD,
            &partial,
            rustix::fs::CWD,
            &self.target.path,
            rustix::fs::RenameFlags::NOREPLACE,
        );
        renamed.map_err(|error| file_failed(&self.target.path, error.into()))?;
        sync_directory(&self.target.path)?;
        Ok(length)
    }

    /// How much of the source has been copied, in bytes.
    pub fn copied(source: &Path, target: &Path) -> Progress {
        let length = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
        let partial = super::Replica::at(target.to_owned()).beside(PARTIAL);
        let total = length(source);
        Progress { done: length(&partial).min(total), total }
    }

    fn begin_capture(&mut self) -> Result<(), MoveError> {
        let (operation, epoch) = (self.operation, self.epoch);
        let not_mine =
            self.source.not_mine("it is not the owner's store any more, or another handover runs on it");
        self.source.change(operation, |source, path| {
            let wrong = |error| failed(path, error);
            match ownership(source).map_err(wrong)? {
                Ownership { epoch: found, sealed: false, operation: None, .. } if found == epoch => {}
                Ownership { epoch: found, sealed: false, operation: Some(found_operation), .. }
                    if found == epoch && found_operation == operation =>
                {
                    if capture::is_armed(source).map_err(wrong)? {
                        return Ok(());
                    }
                }
                _ => return Err(not_mine),
            }
            capture::arm(source).map_err(wrong)?;
            source
                .execute(
                    "UPDATE ownership SET operation = ?1, position = NULL, applied = NULL",
                    [operation.as_str()],
                )
                .map_err(wrong)?;
            Ok(())
        })
    }

    fn backup_to(&self, partial: &Path) -> Result<(), MoveError> {
        let wrong = |error| failed(partial, error);
        let source = open(&self.source.path, Present::Apply(self.operation));
        let source = source.map_err(|error| failed(&self.source.path, error))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut copy = Connection::open_with_flags(partial, flags).map_err(wrong)?;
        // Nobody reads it before it is whole and synced: a journal would only be work.
        copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;").map_err(wrong)?;
        let backup = Backup::new(&source, &mut copy).map_err(wrong)?;
        match backup.step(-1).map_err(wrong)? {
            StepResult::Done => Ok(()),
            other => Err(MoveError::Refused(format!("the copy did not end: {other:?}"))),
        }
    }

    /// Makes the copy this handover's follower: it knows up to which change it has them, because the log was copied with the rows.
    fn seal_copy(&self, partial: &Path) -> Result<(), MoveError> {
        let seal = || {
            let mut copy = open(partial, Present::Apply(self.operation))?;
            let change = copy.transaction()?;
            let applied = capture::last(&change)?;
            // For the way back. As long as it is sealed nothing is noted.
            capture::arm(&change)?;
            change.execute(
                "UPDATE ownership SET sealed = TRUE, operation = ?1, position = NULL, applied = ?2",
                rusqlite::params![self.operation.as_str(), applied],
            )?;
            change.commit()?;
            copy.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            copy.close().map_err(|(_, error)| error)
        };
        seal().map_err(|error| failed(partial, error))
    }

    /// Refuses a target that is there already, cannot be made, or has no room.
    pub(super) fn check_room(&self) -> Result<(), MoveError> {
        let target = &self.target.path;
        let shown = target.display();
        if target.exists() {
            return Err(MoveError::Refused(format!(
                "there is a file {shown} already; name another store, or move it away"
            )));
        }
        let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        fs::create_dir_all(directory).map_err(|error| file_failed(directory, error))?;
        let length = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.len());
        refuse_little_room(target, length(&self.source.path) + length(&self.source.beside("-wal")) + SPARE)
    }

    /// Refuses to switch when a store has no room to be written: the target must go on with its module, and the source must be able
    /// to take it back.
    pub(super) fn check_spare_room(&self) -> Result<(), MoveError> {
        refuse_little_room(&self.target.path, SPARE / 2)?;
        refuse_little_room(&self.source.path, LITTLE)
    }
}

fn refuse_little_room(store: &Path, needed: u64) -> Result<(), MoveError> {
    let directory = store.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let room = rustix::fs::statvfs(directory).map_err(|error| file_failed(directory, error.into()))?;
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    if free < needed {
        let (store, needed, free) = (store.display(), needed >> 20, free >> 20);
        return Err(MoveError::Refused(format!("{store} needs {needed} MiB and there are {free} MiB free")));
    }
    Ok(())
}

/// Removes a store's files, if they are there.
pub(super) fn remove_store(path: &Path) -> Result<(), MoveError> {
    remove(path, &[""])?;
    remove_logs(path)
}

/// Removes what SQLite keeps beside a store's file.
pub(super) fn remove_logs(path: &Path) -> Result<(), MoveError> {
    remove(path, &["-wal", "-shm", "-journal"])
}

fn remove(path: &Path, endings: &[&str]) -> Result<(), MoveError> {
    for ending in endings {
        let file = super::Replica::at(path.to_owned()).beside(ending);
        match fs::remove_file(&file) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(file_failed(&file, error)),
        }
    }
    Ok(())
}

/// Makes the names in a file's directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<(), MoveError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|file| file.sync_all()).map_err(|error| file_failed(directory, error))
}

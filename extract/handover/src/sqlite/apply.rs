//! Brings changed rows from one store to the other.
//!
//! A batch is read from one state of the one store, and written in one transaction of the other, together with the number of
//! its last change. So a batch is there wholly or not at all, and whoever goes on after a crash knows where.
//!
//! A row is brought as it is at that state, which may be later than the change that named it. Then another row may still
//! stand where it belongs by a unique key; that one has changed since, too, and its own change is still to come.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Connection, TransactionBehavior};

use super::replica::{failed, fold_log, ownership};
use super::rows::Tables;
use super::{MoveError, Pair, Replica, capture};
use crate::peel::OperationId;

/// Most changes in one batch.
const MOST_CHANGES: i64 = 2000;
/// Bytes of rows after which a batch ends.
const MOST_BYTES: usize = 8 << 20;

/// Bytes of a write-ahead log that is folded even if a switch may be near.
const LONG_LOG: u64 = 64 << 20;

/// What one batch brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    /// Rows.
    pub rows: u64,
    /// Up to this change all are there.
    pub up_to: i64,
    /// Changes that were still to come.
    pub left: u64,
}

/// A table's row.
pub(super) type Key = (String, i64);

// === impl Pair ===

impl Pair {
    /// Brings a batch of changes from the source to the target.
    ///
    /// # Errors
    /// When a store fails, or is not this handover's any more. [`MoveError::Differs`] when, after a verification, a row is not
    /// the same at both stores.
    pub fn apply(&mut self) -> Result<Applied, MoveError> {
        let (applied, keys) = stream(self.operation, &mut self.source, &mut self.target, i64::MAX)?;
        match self.verified {
            Some(_) => {
                self.keep_verified(&applied, &keys)?;
                // Not when the switch is near, but it must not grow without end either.
                self.fold_long_log()?;
            }
            None => fold(self.operation, &mut self.target, applied)?,
        }
        Ok(applied)
    }

    /// Brings a batch of changes from the target, which is the owner, back to the source.
    ///
    /// # Errors
    /// As [`Pair::apply`].
    pub fn apply_back(&mut self) -> Result<Applied, MoveError> {
        let (applied, keys) = stream(self.operation, &mut self.target, &mut self.source, i64::MAX)?;
        self.keep_returning(&applied, &keys);
        forget(self.operation, &mut self.target, applied)?;
        fold(self.operation, &mut self.source, applied)?;
        Ok(applied)
    }

    /// As [`Pair::apply`] for a target that goes on following without being looked at: what it has is forgotten.
    ///
    /// # Errors
    /// As [`Pair::apply`].
    pub fn follow(&mut self) -> Result<Applied, MoveError> {
        self.verified = None;
        let (applied, _) = stream(self.operation, &mut self.source, &mut self.target, i64::MAX)?;
        forget(self.operation, &mut self.source, applied)?;
        fold(self.operation, &mut self.target, applied)?;
        Ok(applied)
    }
}

impl Pair {
    /// Folds the target's log when it has grown long.
    pub(super) fn fold_long_log(&mut self) -> Result<(), MoveError> {
        let log = std::fs::metadata(self.target.beside("-wal")).map_or(0, |log| log.len());
        if log > LONG_LOG {
            let path = self.target.path.clone();
            fold_log(self.target.connect(self.operation)?).map_err(|error| failed(&path, error))?;
        }
        Ok(())
    }
}

/// Keeps the log short that a store writes for its follower, which may follow for weeks.
fn forget(operation: OperationId, from: &mut Replica, applied: Applied) -> Result<(), MoveError> {
    if applied.rows > 0 || applied.left > 0 {
        from.change(operation, |from, path| {
            capture::forget(from, applied.up_to).map_err(|error| failed(path, error))
        })?;
    }
    Ok(())
}

/// Folds the log of a store that nobody else writes, and so nobody else folds.
fn fold(operation: OperationId, to: &mut Replica, applied: Applied) -> Result<(), MoveError> {
    if applied.rows > 0 {
        let path = to.path.clone();
        fold_log(to.connect(operation)?).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

/// Brings a batch of changes, of those up to `limit`.
pub(super) fn stream(
    operation: OperationId,
    from: &mut Replica,
    to: &mut Replica,
    limit: i64,
) -> Result<(Applied, BTreeSet<Key>), MoveError> {
    let from_path = from.path.clone();
    let wrong = |error| failed(&from_path, error);
    let snapshot = from.connect(operation)?.transaction_with_behavior(TransactionBehavior::Deferred);
    let streamed = stream_from(operation, &*snapshot.map_err(wrong)?, &from_path, to, limit);
    if matches!(streamed, Err(MoveError::Store { .. })) {
        from.connection = None;
    }
    streamed
}

/// As [`stream`], from the state that `snapshot` sees.
pub(super) fn stream_from(
    operation: OperationId,
    snapshot: &Connection,
    from_path: &std::path::Path,
    to: &mut Replica,
    limit: i64,
) -> Result<(Applied, BTreeSet<Key>), MoveError> {
    let wrong = |error| failed(from_path, error);
    if ownership(snapshot).map_err(wrong)?.operation != Some(operation) {
        let path = from_path.display().to_string();
        return Err(MoveError::NotMine { path, why: "its log is another handover's".to_owned() });
    }
    let before = applied_at(operation, to)?;
    let mut batch = Batch { up_to: before, ..Batch::default() };
    let last = batch.read(snapshot, limit).map_err(wrong)?;
    if batch.up_to == before {
        return Ok((Applied { rows: 0, up_to: before, left: 0 }, BTreeSet::new()));
    }
    let not_mine = to.not_mine("it was opened, or somebody else brings changes to it");
    let (rows, up_to) = (batch.rows, batch.up_to);
    to.change(operation, |to, path| {
        let wrong = |error| failed(path, error);
        let mut tables = Tables::default();
        for (name, row, _) in &rows {
            tables.get(to, name).and_then(|table| table.delete(to, *row)).map_err(wrong)?;
        }
        for (name, row, values) in rows {
            if let Some(values) = values {
                tables.get(to, &name).and_then(|table| table.write(to, row, values)).map_err(wrong)?;
            }
        }
        let noted = to.execute(
            "UPDATE ownership SET applied = ?1 WHERE operation = ?2 AND sealed AND applied = ?3",
            rusqlite::params![up_to, operation.as_str(), before],
        );
        if noted.map_err(wrong)? == 1 { Ok(()) } else { Err(not_mine) }
    })?;
    let left = u64::try_from(last - up_to).unwrap_or(0);
    let rows = u64::try_from(batch.keys.len()).unwrap_or(u64::MAX);
    Ok((Applied { rows, up_to, left }, batch.keys))
}

/// Up to which change the follower has them.
pub(super) fn applied_at(operation: OperationId, to: &mut Replica) -> Result<i64, MoveError> {
    let path = to.path.clone();
    let row = ownership(to.connect(operation)?).map_err(|error| failed(&path, error))?;
    let mine = row.operation == Some(operation) && row.sealed;
    row.applied.filter(|_| mine).ok_or_else(|| to.not_mine("it does not follow this handover"))
}

/// What goes over at once.
#[derive(Default)]
struct Batch {
    rows: Vec<(String, i64, Option<Vec<Value>>)>,
    keys: BTreeSet<Key>,
    up_to: i64,
}

impl Batch {
    /// Reads what changed after `up_to`, and raises it. Gives the number of the last change of all, as far as `limit`.
    fn read(&mut self, snapshot: &Connection, limit: i64) -> Result<i64, rusqlite::Error> {
        let mut tables = Tables::default();
        let mut changes = snapshot.prepare_cached(
            "SELECT seq, tbl, row FROM handover_changes WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
        )?;
        let mut changes = changes.query(rusqlite::params![self.up_to, limit, MOST_CHANGES])?;
        let mut bytes = 0;
        while let Some(change) = changes.next()? {
            let (seq, name, row): (i64, String, i64) = (change.get(0)?, change.get(1)?, change.get(2)?);
            if self.keys.insert((name.clone(), row)) {
                let values = tables.get(snapshot, &name)?.read(snapshot, row)?;
                bytes += values.iter().flatten().map(size).sum::<usize>();
                self.rows.push((name, row, values));
            }
            self.up_to = seq;
            if bytes > MOST_BYTES {
                break;
            }
        }
        Ok(capture::last(snapshot)?.min(limit))
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(blob) => blob.len(),
        Value::Null | Value::Integer(_) | Value::Real(_) => 8,
    }
}

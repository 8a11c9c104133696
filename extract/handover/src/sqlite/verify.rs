//! Compares the stores: whole, at a matched position; and from then on each row that changes.
//!
//! The follower has no other writer than this handover. Should anybody write it all the same, SQLite's data version of our
//! connection tells, and what was found counts no more.
//!
//! What was found holds on after the switch: the stores are equal then, and each row that streams back is compared, too. So the way
//! back need not compare them whole again, as long as it begins within the time for which a comparison holds.

use std::collections::BTreeSet;

use rusqlite::{Connection, TransactionBehavior};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::apply::{Applied, Key, applied_at, stream_from};
use super::replica::{failed, fold_log, schema, tables};
use super::rows::{Table, Tables, digest_row};
use super::{MoveError, Pair, Progress, Replica, capture};
use crate::peel::OperationId;

/// Rows that are compared by one digest.
const CHUNK: i64 = 1000;
/// Differences that are named.
const NAMED: usize = 5;

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDigest {
    /// Its name.
    pub table: String,
    /// Rows.
    pub rows: u64,
    /// SHA-256 over the digests of its rows, a thousand at a time in the order of their rowids, in hexadecimal.
    pub digest: String,
}

/// What a comparison found: both stores hold this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// At this change of the source's log.
    pub position: i64,
    /// By table.
    pub tables: Vec<TableDigest>,
}

/// That a follower is known to be equal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verified {
    /// Up to this change.
    position: i64,
    /// The follower's data version, as our connection sees it: another one means that somebody else wrote.
    data_version: i64,
    /// Which connection that is. Another one's data version says nothing.
    opened: u64,
}

// === impl Pair ===

impl Pair {
    /// Compares the stores row by row at one position of the source, and goes on to compare what changes after that.
    ///
    /// # Errors
    /// [`MoveError::Differs`] names what differs.
    pub fn verify(&mut self, tell: &dyn Fn(Progress)) -> Result<Compared, MoveError> {
        self.verified = None;
        self.check_spare_room()?;
        let (operation, path) = (self.operation, self.source.path.clone());
        let wrong = |error| failed(&path, error);
        let snapshot =
            self.source.connect(operation)?.transaction_with_behavior(TransactionBehavior::Deferred);
        let snapshot = snapshot.map_err(wrong)?;
        let position = capture::last(&snapshot).map_err(wrong)?;
        while stream_from(operation, &snapshot, &path, &mut self.target, position)?.0.left > 0 {}
        let reached = applied_at(operation, &mut self.target)?;
        if reached != position {
            return Err(MoveError::Differs(format!(
                "the target is at change {reached}, the source at {position}"
            )));
        }
        let target_path = self.target.path.clone();
        let verified = Verified::from_now_on(&mut self.target, operation, position)?;
        let target = self.target.connect(operation)?;
        let compared = compare(&snapshot, target, tell)?;
        drop(snapshot);
        // While one state was kept for reading, the logs could only grow. Whoever commits next would pay for that, and that may be
        // the seal.
        fold_log(target).map_err(|error| failed(&target_path, error))?;
        fold_log(self.source.connect(operation)?).map_err(wrong)?;
        self.verified = Some(verified);
        // Whether that was a row or only SQLite's own housekeeping cannot be told; comparing once more can.
        if self.verified_up_to().is_err() {
            return Err(MoveError::Touched);
        }
        Ok(Compared { position, tables: compared })
    }

    /// Whether the stores were found equal and nobody else has written the target since.
    pub fn is_verified(&mut self) -> bool {
        self.verified_up_to().is_ok()
    }

    /// Compares the rows that a batch has just brought to the target.
    pub(super) fn keep_verified(&mut self, applied: &Applied, keys: &BTreeSet<Key>) -> Result<(), MoveError> {
        let Some(verified) = self.verified.take() else { return Ok(()) };
        recheck(self.operation, &mut self.source, &mut self.target, keys)?;
        self.verified = Some(Verified { position: applied.up_to, ..verified });
        Ok(())
    }

    /// Compares the rows that a batch has just brought back to the source. When they differ, or somebody else wrote it, the stores
    /// have to be compared whole before the source can be the owner again.
    pub(super) fn keep_returning(&mut self, applied: &Applied, keys: &BTreeSet<Key>) {
        let Some(returning) = self.returning.take() else { return };
        let kept = recheck(self.operation, &mut self.target, &mut self.source, keys)
            .and_then(|()| returning.untouched(&self.source));
        match kept {
            Ok(()) => self.returning = Some(Verified { position: applied.up_to, ..returning }),
            Err(error) => log::warn!("the stores will be compared whole before they change roles: {error}"),
        }
    }

    /// From now on the source follows. It is equal, and its log begins anew.
    pub(super) fn begin_returning(&mut self) -> Result<(), MoveError> {
        self.returning = Some(Verified::from_now_on(&mut self.source, self.operation, 0)?);
        Ok(())
    }

    /// Up to which change what was verified holds.
    pub(super) fn verified_up_to(&mut self) -> Result<i64, MoveError> {
        let lost = || MoveError::Differs("they were not compared since the target was opened".to_owned());
        let verified = self.verified.ok_or_else(lost)?;
        if let Err(error) = verified.untouched(&self.target) {
            self.verified = None;
            return Err(error);
        }
        Ok(verified.position)
    }
}

// === impl Verified ===

impl Verified {
    fn from_now_on(follower: &mut Replica, operation: OperationId, position: i64) -> Result<Self, MoveError> {
        let path = follower.path.clone();
        let connection = follower.connect(operation)?;
        let data_version = data_version(connection).map_err(|error| failed(&path, error))?;
        Ok(Self { position, data_version, opened: follower.opened })
    }

    fn untouched(&self, follower: &Replica) -> Result<(), MoveError> {
        let connection = follower.connection.as_ref().filter(|_| follower.opened == self.opened);
        let Some(connection) = connection else {
            return Err(MoveError::Differs("they were not compared since the target was opened".to_owned()));
        };
        let version = data_version(connection).map_err(|error| failed(&follower.path, error))?;
        match version == self.data_version {
            true => Ok(()),
            false => {
                Err(MoveError::Differs("somebody else wrote the target after they were compared".to_owned()))
            }
        }
    }
}

/// The rows, as they are now at both stores. One that has changed at `from` since it was brought is named by a later change, and
/// compared then.
fn recheck(
    operation: OperationId,
    from: &mut Replica,
    to: &mut Replica,
    keys: &BTreeSet<Key>,
) -> Result<(), MoveError> {
    let (path, to_path) = (from.path.clone(), to.path.clone());
    let applied = applied_at(operation, to)?;
    let from = from.connect(operation)?.transaction_with_behavior(TransactionBehavior::Deferred);
    let from = from.map_err(|error| failed(&path, error))?;
    let to = to.connect(operation)?;
    let (mut here, mut there) = (Tables::default(), Tables::default());
    for (name, row) in keys {
        let is = here.get(&from, name).and_then(|table| table.read(&from, *row));
        let is = is.map_err(|error| failed(&path, error))?;
        let has = there.get(to, name).and_then(|table| table.read(to, *row));
        let has = has.map_err(|error| failed(&to_path, error))?;
        if !same(is.as_deref(), has.as_deref()) && !changed_again(&from, name, *row, applied) {
            return Err(MoveError::Differs(format!("row {row} of {name}")));
        }
    }
    Ok(())
}

/// Whether there is a later change of the row than those that were brought.
fn changed_again(source: &Connection, name: &str, row: i64, applied: i64) -> bool {
    let later = source.query_row(
        "SELECT 1 FROM handover_changes WHERE seq > ?1 AND tbl = ?2 AND row = ?3 LIMIT 1",
        rusqlite::params![applied, name, row],
        |_| Ok(()),
    );
    later.is_ok()
}

/// As digests see it: a number that is not a number is equal to itself, and -0.0 is not 0.0.
fn same(one: Option<&[rusqlite::types::Value]>, other: Option<&[rusqlite::types::Value]>) -> bool {
    use rusqlite::types::Value::Real;
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|pair| match pair {
                    (Real(one), Real(other)) => one.to_bits() == other.to_bits(),
                    (one, other) => one == other,
                })
        }
        _ => false,
    }
}

fn data_version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

/// What a store holds, by table.
pub(super) fn digests(store: &Connection) -> Result<Vec<TableDigest>, rusqlite::Error> {
    let mut digests = Vec::new();
    for name in tables(store)? {
        let table = Table::of(store, &name)?;
        let mut whole = Whole::default();
        while let Some(chunk) = chunk(store, &table, whole.after)? {
            whole.add(&chunk);
        }
        digests.push(whole.of(name));
    }
    Ok(digests)
}

fn compare(
    source: &Connection,
    target: &Connection,
    tell: &dyn Fn(Progress),
) -> Result<Vec<TableDigest>, MoveError> {
    let wrong = |source| MoveError::Store { path: "the stores".to_owned(), source };
    if let Some(difference) = schema_difference(source, target).map_err(wrong)? {
        return Err(MoveError::Differs(format!("the definition of {difference}")));
    }
    let names = tables(source).map_err(wrong)?;
    let mut progress = Progress::default();
    for name in &names {
        let count =
            source.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |row| row.get::<_, i64>(0));
        progress.total += u64::try_from(count.map_err(wrong)?).unwrap_or(0);
    }
    let mut digests = Vec::new();
    for name in names {
        let table = Table::of(source, &name).map_err(wrong)?;
        let mut whole = Whole::default();
        loop {
            let here = chunk(source, &table, whole.after).map_err(wrong)?;
            let there = chunk(target, &table, whole.after).map_err(wrong)?;
            match (here, there) {
                (None, None) => break,
                (Some(here), Some(there)) if here == there => {
                    progress.done += here.rows;
                    tell(progress);
                    whole.add(&here);
                }
                _ => {
                    return Err(MoveError::Differs(
                        named(source, target, &table, whole.after).map_err(wrong)?,
                    ));
                }
            }
        }
        digests.push(whole.of(name));
    }
    Ok(digests)
}

/// The first definition that is not the same.
pub(super) fn schema_difference(
    source: &Connection,
    target: &Connection,
) -> Result<Option<String>, rusqlite::Error> {
    let (here, there) = (schema(source)?, schema(target)?);
    let differs =
        here.iter().find(|one| !there.contains(one)).or_else(|| there.iter().find(|one| !here.contains(one)));
    Ok(differs.map(|(name, _)| name.clone()))
}

/// Some rows, in the order of their rowids.
#[derive(PartialEq, Eq)]
struct Chunk {
    rows: u64,
    last: i64,
    digest: [u8; 32],
}

/// What was seen of a table.
struct Whole {
    after: i64,
    rows: u64,
    digest: Sha256,
}

impl Default for Whole {
    fn default() -> Self {
        Self { after: i64::MIN, rows: 0, digest: Sha256::new() }
    }
}

impl Whole {
    fn add(&mut self, chunk: &Chunk) {
        self.after = chunk.last;
        self.rows += chunk.rows;
        self.digest.update(chunk.digest);
    }

    fn of(self, table: String) -> TableDigest {
        let digest = self.digest.finalize();
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        TableDigest { table, rows: self.rows, digest }
    }
}

fn chunk(store: &Connection, table: &Table, after: i64) -> Result<Option<Chunk>, rusqlite::Error> {
    let width = table.chunk_width();
    let mut read = store.prepare_cached(&table.chunk_sql())?;
    let mut rows = read.query([after, CHUNK])?;
    let (mut digest, mut count, mut last) = (Sha256::new(), 0, after);
    while let Some(row) = rows.next()? {
        digest_row(&mut digest, row, width)?;
        last = row.get(0)?;
        count += 1;
    }
    Ok((count > 0).then(|| Chunk { rows: count, last, digest: digest.finalize().into() }))
}

/// The rows of the next chunk that differ, by their rowids.
fn named(
    source: &Connection,
    target: &Connection,
    table: &Table,
    after: i64,
) -> Result<String, rusqlite::Error> {
    let row_digests = |store: &Connection| {
        let mut read = store.prepare_cached(&table.chunk_sql())?;
        let mut rows = read.query([after, CHUNK])?;
        let mut digests = BTreeSet::new();
        while let Some(row) = rows.next()? {
            let mut digest = Sha256::new();
            digest_row(&mut digest, row, table.chunk_width())?;
            let digest: [u8; 32] = digest.finalize().into();
            digests.insert((row.get::<_, i64>(0)?, digest));
        }
        Ok::<_, rusqlite::Error>(digests)
    };
    let (here, there) = (row_digests(source)?, row_digests(target)?);
    let rows: BTreeSet<i64> = here.symmetric_difference(&there).map(|(row, _)| *row).collect();
    let rows: Vec<String> = rows.iter().take(NAMED).map(ToString::to_string).collect();
    Ok(format!("rows {} of {}", rows.join(", "), table.name))
}

//! Compares the stores: whole, at a matched position; and from then on each row that changes.
//!
//! The follower has no other writer than this handover. Should anybody write it all the same, SQLite's data version of our
//! connection tells, and what was found counts no more.
//!
//! What was found holds on after the switch: the stores are equal then, and each row that streams back is compared, too. So the way
//! back need not compare them whole again, as long as it begins within the time for which a comparison holds.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

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
/// For so long one state of the stores is compared.
const SLICE: Duration = Duration::from_millis(100);
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
    /// Compares the stores row by row, and goes on to compare what changes after that.
    ///
    /// It goes by slices, each at one position of the source that the target has been brought to. Rows that change after their
    /// slice are compared when they are brought over. So no state of the source is kept for longer than a slice: while one is, its
    /// write-ahead log can only grow, and everybody who reads has to look through it.
    ///
    /// # Errors
    /// [`MoveError::Differs`] names what differs.
    pub fn verify(&mut self, tell: &dyn Fn(Progress)) -> Result<Compared, MoveError> {
        self.verified = None;
        self.check_spare_room()?;
        let mut comparison = None;
        let mut verified: Option<Verified> = None;
        let position = loop {
            let (position, ended) = self.slice(&mut comparison, &mut verified, tell)?;
            let path = self.source.path.clone();
            fold_log(self.source.connect(self.operation)?).map_err(|error| failed(&path, error))?;
            self.fold_long_log()?;
            if ended {
                break position;
            }
        };
        // Whoever commits next would pay for what is in the log, and that may be the switch.
        let path = self.target.path.clone();
        fold_log(self.target.connect(self.operation)?).map_err(|error| failed(&path, error))?;
        self.verified = verified.map(|verified| Verified { position, ..verified });
        // Whether that was a row or only SQLite's own housekeeping cannot be told; comparing once more can.
        if self.verified_up_to().is_err() {
            return Err(MoveError::Touched);
        }
        let tables = comparison.map(|comparison| comparison.digests).unwrap_or_default();
        Ok(Compared { position, tables })
    }

    /// Brings the target to a position of the source, compares what changed since the slice before, and goes on from where that
    /// ended. Gives the position, and whether it was the last slice.
    fn slice(
        &mut self,
        comparison: &mut Option<Comparison>,
        verified: &mut Option<Verified>,
        tell: &dyn Fn(Progress),
    ) -> Result<(i64, bool), MoveError> {
        let (operation, path) = (self.operation, self.source.path.clone());
        let wrong = |error| failed(&path, error);
        let snapshot =
            self.source.connect(operation)?.transaction_with_behavior(TransactionBehavior::Deferred);
        let snapshot = snapshot.map_err(wrong)?;
        let position = capture::last(&snapshot).map_err(wrong)?;
        let mut keys = BTreeSet::new();
        loop {
            let (applied, brought) = stream_from(operation, &snapshot, &path, &mut self.target, position)?;
            keys.extend(brought);
            if applied.left == 0 {
                break;
            }
        }
        let reached = applied_at(operation, &mut self.target)?;
        if reached != position {
            return Err(MoveError::Differs(format!(
                "the target is at change {reached}, the source at {position}"
            )));
        }
        if verified.is_none() {
            *verified = Some(Verified::from_now_on(&mut self.target, operation, position)?);
        }
        let target = self.target.connect(operation)?;
        same_rows(&snapshot, target, &keys, |_, _| false)?;
        let comparison = match comparison {
            Some(comparison) => comparison,
            None => comparison.insert(Comparison::begin(&snapshot, target)?),
        };
        Ok((position, comparison.go_on(&snapshot, target, tell)?))
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
    let path = from.path.clone();
    let applied = applied_at(operation, to)?;
    let from = from.connect(operation)?.transaction_with_behavior(TransactionBehavior::Deferred);
    let from = from.map_err(|error| failed(&path, error))?;
    same_rows(&from, to.connect(operation)?, keys, |name, row| changed_again(&from, name, row, applied))
}

/// Passes if these rows are the same at both, but for those that are excused.
fn same_rows(
    from: &Connection,
    to: &Connection,
    keys: &BTreeSet<Key>,
    excused: impl Fn(&str, i64) -> bool,
) -> Result<(), MoveError> {
    let (mut here, mut there) = (Tables::default(), Tables::default());
    for (name, row) in keys {
        let is = here.get(from, name).and_then(|table| table.read(from, *row)).map_err(unreadable)?;
        let has = there.get(to, name).and_then(|table| table.read(to, *row)).map_err(unreadable)?;
        if !same(is.as_deref(), has.as_deref()) && !excused(name, *row) {
            return Err(MoveError::Differs(format!("row {row} of {name}")));
        }
    }
    Ok(())
}

/// One of the two stores, as the file is not known here.
fn unreadable(source: rusqlite::Error) -> MoveError {
    MoveError::Store { path: "the stores".to_owned(), source }
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

/// How far the stores have been compared.
struct Comparison {
    /// Tables that are still to be compared, the next one last.
    left: Vec<String>,
    /// The table that is being compared.
    table: Option<(Table, Whole)>,
    digests: Vec<TableDigest>,
    progress: Progress,
}

// === impl Comparison ===

impl Comparison {
    fn begin(source: &Connection, target: &Connection) -> Result<Self, MoveError> {
        if let Some(difference) = schema_difference(source, target).map_err(unreadable)? {
            return Err(MoveError::Differs(format!("the definition of {difference}")));
        }
        let mut left = tables(source).map_err(unreadable)?;
        let mut progress = Progress::default();
        for name in &left {
            let count =
                source.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |row| row.get::<_, i64>(0));
            progress.total += u64::try_from(count.map_err(unreadable)?).unwrap_or(0);
        }
        left.reverse();
        Ok(Self { left, table: None, digests: Vec::new(), progress })
    }

    /// Compares for a while. Says whether everything has been compared.
    fn go_on(
        &mut self,
        source: &Connection,
        target: &Connection,
        tell: &dyn Fn(Progress),
    ) -> Result<bool, MoveError> {
        let began = Instant::now();
        loop {
            let (table, mut whole) = match self.table.take() {
                Some(begun) => begun,
                None => match self.left.pop() {
                    Some(name) => (Table::of(source, &name).map_err(unreadable)?, Whole::default()),
                    None => return Ok(true),
                },
            };
            let here = chunk(source, &table, whole.after).map_err(unreadable)?;
            let there = chunk(target, &table, whole.after).map_err(unreadable)?;
            match (here, there) {
                (None, None) => {
                    self.digests.push(whole.of(table.name));
                    continue;
                }
                (Some(here), Some(there)) if here == there => {
                    self.progress.done += here.rows;
                    tell(self.progress);
                    whole.add(&here);
                }
                _ => {
                    let named = named(source, target, &table, whole.after).map_err(unreadable)?;
                    return Err(MoveError::Differs(named));
                }
            }
            self.table = Some((table, whole));
            if began.elapsed() > SLICE {
                return Ok(false);
            }
        }
    }
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

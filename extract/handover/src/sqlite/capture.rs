//! Writes down which rows change, while a handover runs.
//!
//! Triggers note table and rowid of every row that is inserted, updated or deleted, in the change's own transaction. What the
//! row holds is read when it is brought over, so a row that changed twice is brought over once. Half of the speed of small
//! writes goes into it; so it is armed only while it is needed. While the store is sealed only a handover writes it, by bringing what
//! is written down elsewhere: that is not noted again.

use std::fmt::Write as _;

use rusqlite::{Connection, OptionalExtension as _};

use super::replica::tables;

/// The log of changes. Its numbers are never given twice: a number is one more than the greatest, and [`forget`] keeps that one.
/// `AUTOINCREMENT` would say the same at the cost of another page that every transaction writes.
const LOG: &str = "\
    CREATE TABLE handover_changes (\
        seq INTEGER PRIMARY KEY,\
        tbl TEXT NOT NULL,\
        row INTEGER NOT NULL\
    );";

/// When a change is noted.
const OPEN: &str = "NOT (SELECT sealed FROM ownership)";

/// Whether changes are captured.
pub(super) fn is_armed(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let found: Option<i64> = connection
        .query_row("SELECT 1 FROM sqlite_schema WHERE name = 'handover_changes'", [], |row| row.get(0))
        .optional()?;
    Ok(found.is_some())
}

/// Captures from now on, with an empty log. To be called in a transaction.
pub(super) fn arm(connection: &Connection) -> Result<(), rusqlite::Error> {
    disarm(connection)?;
    let mut statements = LOG.to_owned();
    for table in tables(connection)? {
        let noted =
            |row: &str| format!("INSERT INTO handover_changes (tbl, row) VALUES ('{table}', {row}.rowid);");
        let (old, new) = (noted("OLD"), noted("NEW"));
        for (change, noted) in [("INSERT", new.clone()), ("DELETE", old.clone()), ("UPDATE", new)] {
            let written = write!(
                statements,
                "CREATE TRIGGER \"capture_{table}_{change}\" AFTER {change} ON \"{table}\" WHEN {OPEN} BEGIN {noted} END;"
            );
            debug_assert!(written.is_ok(), "a String takes everything");
        }
        // A row that gets another key is two rows.
        let written = write!(
            statements,
            "CREATE TRIGGER \"capture_{table}_KEY\" AFTER UPDATE ON \"{table}\" \
             WHEN OLD.rowid <> NEW.rowid AND {OPEN} BEGIN {old} END;"
        );
        debug_assert!(written.is_ok(), "a String takes everything");
    }
    connection.execute_batch(&statements)
}

/// Captures no more, and forgets what was captured. To be called in a transaction.
pub(super) fn disarm(connection: &Connection) -> Result<(), rusqlite::Error> {
    let triggers: Vec<String> = connection
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'capture!_%' ESCAPE '!'",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut statements = String::new();
    for trigger in triggers {
        let written = write!(statements, "DROP TRIGGER \"{trigger}\";");
        debug_assert!(written.is_ok(), "a String takes everything");
    }
    statements.push_str("DROP TABLE IF EXISTS handover_changes;");
    connection.execute_batch(&statements)
}

/// The number of the last change; 0 before the first.
pub(super) fn last(connection: &Connection) -> Result<i64, rusqlite::Error> {
    let mut read = connection.prepare_cached("SELECT coalesce(max(seq), 0) FROM handover_changes")?;
    read.query_row([], |row| row.get(0))
}

/// Forgets changes up to `applied`, a few at a time, but never the last one.
pub(super) fn forget(connection: &Connection, applied: i64) -> Result<usize, rusqlite::Error> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM handover_changes WHERE seq IN (SELECT seq FROM handover_changes \
         WHERE seq <= ?1 AND seq < (SELECT max(seq) FROM handover_changes) LIMIT 4000)",
    )?;
    delete.execute([applied])
}

/// Whether changes are captured, and none has been since that began.
pub(super) fn is_fresh(connection: &Connection) -> Result<bool, rusqlite::Error> {
    Ok(is_armed(connection)? && last(connection)? == 0)
}

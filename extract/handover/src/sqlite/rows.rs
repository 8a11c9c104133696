//! Rows as values, and their digests.

use std::collections::HashMap;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Row};
use sha2::{Digest as _, Sha256};

/// How a table's rows are read and written.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) name: String,
    columns: Vec<String>,
    /// Whether a column is the rowid under another name.
    keyed: bool,
}

/// The tables that were asked for.
#[derive(Debug, Default)]
pub(super) struct Tables(HashMap<String, Table>);

impl Tables {
    /// The table, as `connection` has it.
    pub(super) fn get(&mut self, connection: &Connection, name: &str) -> Result<&Table, rusqlite::Error> {
        if !self.0.contains_key(name) {
            self.0.insert(name.to_owned(), Table::of(connection, name)?);
        }
        self.0.get(name).ok_or(rusqlite::Error::QueryReturnedNoRows)
    }
}

impl Table {
    pub(super) fn of(connection: &Connection, name: &str) -> Result<Self, rusqlite::Error> {
        let mut read = connection.prepare(
            "SELECT name, upper(type), pk FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid",
        )?;
        let columns = read.query_map([name], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        })?;
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let key: Vec<_> = columns.iter().filter(|(_, _, key)| *key > 0).collect();
        let keyed = matches!(key.as_slice(), [(_, kind, _)] if kind == "INTEGER");
        Ok(Self {
            name: name.to_owned(),
            columns: columns.into_iter().map(|(name, _, _)| format!("\"{name}\"")).collect(),
            keyed,
        })
    }

    fn listed(&self) -> String {
        self.columns.join(", ")
    }

    /// The row, if there is one.
    pub(super) fn read(
        &self,
        connection: &Connection,
        row: i64,
    ) -> Result<Option<Vec<Value>>, rusqlite::Error> {
        let sql = format!("SELECT {} FROM \"{}\" WHERE rowid = ?1", self.listed(), self.name);
        let width = self.columns.len();
        let mut read = connection.prepare_cached(&sql)?;
        read.query_row([row], |row| (0..width).map(|column| row.get(column)).collect()).optional()
    }

    /// Writes the row as it is, whatever stands in its place.
    pub(super) fn write(
        &self,
        connection: &Connection,
        row: i64,
        mut values: Vec<Value>,
    ) -> Result<(), rusqlite::Error> {
        let mut columns = self.listed();
        if !self.keyed {
            columns = format!("rowid, {columns}");
            values.insert(0, Value::Integer(row));
        }
        let places = vec!["?"; values.len()].join(", ");
        let sql = format!("INSERT OR REPLACE INTO \"{}\" ({columns}) VALUES ({places})", self.name);
        connection.prepare_cached(&sql)?.execute(rusqlite::params_from_iter(values)).map(drop)
    }

    /// Removes the row, if there is one.
    pub(super) fn delete(&self, connection: &Connection, row: i64) -> Result<(), rusqlite::Error> {
        let sql = format!("DELETE FROM \"{}\" WHERE rowid = ?1", self.name);
        connection.prepare_cached(&sql)?.execute([row]).map(drop)
    }

    /// Rows after `after`, in the order of their rowids, which are their first column.
    pub(super) fn chunk_sql(&self) -> String {
        format!(
            "SELECT rowid, {} FROM \"{}\" WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
            self.listed(),
            self.name
        )
    }

    /// Columns that [`Table::chunk_sql`] gives.
    pub(super) fn chunk_width(&self) -> usize {
        self.columns.len() + 1
    }
}

/// Takes a row into a digest: no two different rows look the same. NULL is not empty, text is not a blob, -0.0 is not 0.0.
pub(super) fn digest_row(digest: &mut Sha256, row: &Row<'_>, width: usize) -> Result<(), rusqlite::Error> {
    for column in 0..width {
        let (kind, bytes): (u8, &[u8]) = match row.get_ref(column)? {
            ValueRef::Null => {
                digest.update([0]);
                continue;
            }
            ValueRef::Integer(integer) => {
                digest.update([1]);
                digest.update(integer.to_le_bytes());
                continue;
            }
            ValueRef::Real(real) => {
                digest.update([2]);
                digest.update(real.to_bits().to_le_bytes());
                continue;
            }
            ValueRef::Text(bytes) => (3, bytes),
            ValueRef::Blob(bytes) => (4, bytes),
        };
        digest.update([kind]);
        digest.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(bytes);
    }
    Ok(())
}

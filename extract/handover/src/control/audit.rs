//! Who did what to the placements.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{Id, IdKind, Timestamp, on_each};
use serde::Serialize;

use crate::schema::audit_log;

/// Kind of an entry's id.
pub enum EntryKind {}
impl IdKind for EntryKind {
    const PREFIX: &'static str = "aud";
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Who: `operator token`, `user usr_…` or `home`.
    pub actor: String,
    /// What: `extract`, `advance`, …
    pub action: &'static str,
    /// To which module.
    pub module: Option<String>,
    /// With what; never a secret.
    pub details: String,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_log)]
pub struct Entry {
    id: Id<EntryKind>,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To which module.
    pub module: Option<String>,
    /// With what.
    pub details: String,
}

pub(super) fn insert(tx: &mut Tx<'_>, audit: &Audit) -> Result<(), StoreError> {
    let entry = Entry {
        id: Id::new(),
        at: Timestamp::now(),
        actor: audit.actor.clone(),
        action: audit.action.to_owned(),
        module: audit.module.clone(),
        details: audit.details.clone(),
    };
    on_each!(tx, conn => diesel::insert_into(audit_log::table).values(&entry).execute(conn))?;
    Ok(())
}

pub(super) fn newest(db: &mut Db, limit: u32) -> Result<Vec<Entry>, StoreError> {
    let newest = audit_log::table.order(audit_log::id.desc()).limit(limit.into());
    Ok(on_each!(db, conn => newest.select(Entry::as_select()).load(conn))?)
}

//! Handovers as they are stored, and the journal of their states.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{Timestamp, on_each};
use serde::Serialize;

use super::operations::{parsed, text};
use crate::machine::{Handover, State};
use crate::peel::{Kind, OperationId};
use crate::schema::{handover_journal, handovers};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = handovers)]
struct Row {
    id: OperationId,
    module: String,
    kind: String,
    plan: String,
    epoch: i64,
    state: String,
    facts: String,
    cancelled: bool,
    reason: Option<String>,
    began_at: Timestamp,
    state_at: Timestamp,
    ended_at: Option<Timestamp>,
}

/// A state that a handover reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, Queryable, Selectable)]
#[diesel(table_name = handover_journal)]
pub struct JournalEntry {
    /// Counts from 1.
    pub number: i64,
    /// Which.
    pub state: String,
    /// When.
    pub at: Timestamp,
    /// What there is to say about it.
    pub details: String,
}

pub(super) fn insert(tx: &mut Tx<'_>, handover: &Handover) -> Result<(), StoreError> {
    let row = Row {
        id: handover.id,
        module: handover.module.clone(),
        kind: match handover.kind {
            Kind::Extract => "extract".to_owned(),
            Kind::Absorb => "absorb".to_owned(),
        },
        plan: text(&handover.plan)?,
        epoch: i64::try_from(handover.epoch).unwrap_or(i64::MAX),
        state: handover.state.name().to_owned(),
        facts: text(&handover.facts)?,
        cancelled: handover.cancelled,
        reason: handover.reason.clone(),
        began_at: handover.began_at,
        state_at: handover.state_at,
        ended_at: handover.ended_at,
    };
    on_each!(tx, conn => diesel::insert_into(handovers::table).values(&row).execute(conn))?;
    note(tx, handover, "")
}

/// Writes down its state, if it was `from` and nobody has asked since for it to go back.
pub(super) fn update(
    tx: &mut Tx<'_>,
    handover: &Handover,
    from: State,
    details: &str,
) -> Result<bool, StoreError> {
    let there = handovers::table
        .filter(handovers::id.eq(handover.id))
        .filter(handovers::state.eq(from.name()))
        .filter(handovers::cancelled.eq(handover.cancelled))
        .filter(handovers::ended_at.is_null());
    let change = (
        handovers::state.eq(handover.state.name()),
        handovers::facts.eq(text(&handover.facts)?),
        handovers::reason.eq(handover.reason.clone()),
        handovers::state_at.eq(handover.state_at),
        handovers::ended_at.eq(handover.ended_at),
    );
    let changed = on_each!(tx, conn => diesel::update(there).set(change).execute(conn))? == 1;
    if changed {
        note(tx, handover, details)?;
    }
    Ok(changed)
}

fn note(tx: &mut Tx<'_>, handover: &Handover, details: &str) -> Result<(), StoreError> {
    let mine = handover_journal::table.filter(handover_journal::handover.eq(handover.id));
    let last: Option<i64> =
        on_each!(tx, conn => mine.select(diesel::dsl::max(handover_journal::number)).first(conn))?;
    let row = (
        handover_journal::handover.eq(handover.id),
        handover_journal::number.eq(last.unwrap_or(0) + 1),
        handover_journal::state.eq(handover.state.name()),
        handover_journal::at.eq(handover.state_at),
        handover_journal::details.eq(details),
    );
    on_each!(tx, conn => diesel::insert_into(handover_journal::table).values(&row).execute(conn))?;
    Ok(())
}

pub(super) fn cancel(tx: &mut Tx<'_>, id: OperationId) -> Result<(), StoreError> {
    let cancelled = handovers::cancelled.eq(true);
    on_each!(tx, conn => diesel::update(handovers::table.find(id)).set(cancelled).execute(conn))?;
    Ok(())
}

pub(super) fn all_running(db: &mut Db) -> Result<Vec<Handover>, StoreError> {
    let running = handovers::table.filter(handovers::ended_at.is_null()).order(handovers::id);
    let rows: Vec<Row> = on_each!(db, conn => running.select(Row::as_select()).load(conn))?;
    rows.into_iter().map(Row::into_handover).collect()
}

pub(super) fn running(db: &mut Db, module: &str) -> Result<Option<Handover>, StoreError> {
    let mine = handovers::table.filter(handovers::module.eq(module)).filter(handovers::ended_at.is_null());
    let row: Option<Row> = on_each!(db, conn => mine.select(Row::as_select()).first(conn).optional())?;
    row.map(Row::into_handover).transpose()
}

pub(super) fn find(db: &mut Db, id: OperationId) -> Result<Option<Handover>, StoreError> {
    let row: Option<Row> =
        on_each!(db, conn => handovers::table.find(id).select(Row::as_select()).first(conn).optional())?;
    row.map(Row::into_handover).transpose()
}

/// The newest, newest first.
pub(super) fn newest(db: &mut Db, limit: u32) -> Result<Vec<Handover>, StoreError> {
    let newest = handovers::table.order(handovers::id.desc()).limit(limit.into());
    let rows: Vec<Row> = on_each!(db, conn => newest.select(Row::as_select()).load(conn))?;
    rows.into_iter().map(Row::into_handover).collect()
}

pub(super) fn journal(db: &mut Db, id: OperationId) -> Result<Vec<JournalEntry>, StoreError> {
    let mine =
        handover_journal::table.filter(handover_journal::handover.eq(id)).order(handover_journal::number);
    Ok(on_each!(db, conn => mine.select(JournalEntry::as_select()).load(conn))?)
}

impl Row {
    fn into_handover(self) -> Result<Handover, StoreError> {
        let unknown = || StoreError::Corrupt(format!("a handover's state: {}", self.state));
        let state = State::ALL.into_iter().find(|state| state.name() == self.state).ok_or_else(unknown)?;
        Ok(Handover {
            id: self.id,
            module: self.module,
            kind: if self.kind == "absorb" { Kind::Absorb } else { Kind::Extract },
            plan: parsed(&self.plan)?,
            epoch: u64::try_from(self.epoch).unwrap_or(0),
            state,
            facts: parsed(&self.facts)?,
            cancelled: self.cancelled,
            reason: self.reason,
            began_at: self.began_at,
            state_at: self.state_at,
            ended_at: self.ended_at,
        })
    }
}

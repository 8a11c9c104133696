//! Operations as they are stored.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{Timestamp, on_each};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::nodes;
use crate::peel::{Kind, Operation, OperationId, Phase};
use crate::schema::operations;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = operations)]
struct Row {
    id: OperationId,
    module: String,
    kind: String,
    plan: String,
    phase: String,
    nodes: Option<String>,
    reason: Option<String>,
    cancelled: bool,
    began_at: Timestamp,
    phase_at: Timestamp,
    ended_at: Option<Timestamp>,
}

pub(super) fn insert(tx: &mut Tx<'_>, operation: &Operation) -> Result<(), StoreError> {
    let row = Row {
        id: operation.id,
        module: operation.module.clone(),
        kind: match operation.kind {
            Kind::Extract => "extract".to_owned(),
            Kind::Absorb => "absorb".to_owned(),
        },
        plan: text(&operation.plan)?,
        phase: text(&operation.phase)?,
        nodes: nodes::text(&operation.nodes),
        reason: operation.reason.clone(),
        cancelled: operation.cancelled,
        began_at: operation.began_at,
        phase_at: operation.phase_at,
        ended_at: operation.ended_at,
    };
    on_each!(tx, conn => diesel::insert_into(operations::table).values(&row).execute(conn))?;
    Ok(())
}

/// Writes down how far it is, if it was at `from`.
pub(super) fn update(tx: &mut Tx<'_>, operation: &Operation, from: Phase) -> Result<bool, StoreError> {
    let there = operations::table
        .filter(operations::id.eq(operation.id))
        .filter(operations::phase.eq(text(&from)?))
        .filter(operations::ended_at.is_null());
    let change = (
        operations::phase.eq(text(&operation.phase)?),
        operations::nodes.eq(nodes::text(&operation.nodes)),
        operations::reason.eq(operation.reason.clone()),
        operations::phase_at.eq(operation.phase_at),
        operations::ended_at.eq(operation.ended_at),
    );
    Ok(on_each!(tx, conn => diesel::update(there).set(change).execute(conn))? == 1)
}

pub(super) fn cancel(tx: &mut Tx<'_>, id: OperationId) -> Result<(), StoreError> {
    let cancelled = operations::cancelled.eq(true);
    on_each!(tx, conn => diesel::update(operations::table.find(id)).set(cancelled).execute(conn))?;
    Ok(())
}

pub(super) fn running(db: &mut Db, module: &str) -> Result<Option<Operation>, StoreError> {
    let of_module =
        operations::table.filter(operations::module.eq(module)).filter(operations::ended_at.is_null());
    let row: Option<Row> = on_each!(db, conn => of_module.select(Row::as_select()).first(conn).optional())?;
    row.map(Row::into_operation).transpose()
}

pub(super) fn all_running(db: &mut Db) -> Result<Vec<Operation>, StoreError> {
    let running = operations::table.filter(operations::ended_at.is_null()).order(operations::id);
    let rows: Vec<Row> = on_each!(db, conn => running.select(Row::as_select()).load(conn))?;
    rows.into_iter().map(Row::into_operation).collect()
}

pub(super) fn find(db: &mut Db, id: OperationId) -> Result<Option<Operation>, StoreError> {
    let row: Option<Row> =
        on_each!(db, conn => operations::table.find(id).select(Row::as_select()).first(conn).optional())?;
    row.map(Row::into_operation).transpose()
}

/// The last operation on each module: ids are in the order in which they were made.
pub(super) fn latest(db: &mut Db) -> Result<Vec<Operation>, StoreError> {
    let last: Vec<Option<OperationId>> = on_each!(db, conn => operations::table
        .group_by(operations::module)
        .select(diesel::dsl::max(operations::id))
        .load(conn))?;
    let ids: Vec<OperationId> = last.into_iter().flatten().collect();
    let rows: Vec<Row> = on_each!(db, conn => operations::table
        .filter(operations::id.eq_any(&ids))
        .order(operations::module)
        .select(Row::as_select())
        .load(conn))?;
    rows.into_iter().map(Row::into_operation).collect()
}

impl Row {
    fn into_operation(self) -> Result<Operation, StoreError> {
        Ok(Operation {
            id: self.id,
            module: self.module,
            kind: if self.kind == "absorb" { Kind::Absorb } else { Kind::Extract },
            plan: parsed(&self.plan)?,
            phase: parsed(&self.phase)?,
            nodes: nodes::parsed(self.nodes.as_deref())?,
            reason: self.reason,
            cancelled: self.cancelled,
            began_at: self.began_at,
            phase_at: self.phase_at,
            ended_at: self.ended_at,
        })
    }
}

pub(super) fn text(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(super) fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("an operation: {error}")))
}

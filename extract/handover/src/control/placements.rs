//! Where each module runs.

use std::collections::BTreeMap;

use diesel::prelude::*;
use kernel::on_each;
use kernel::store::{Db, StoreError, Tx};
use serde::Serialize;

use super::{NodeId, handovers, nodes};
use crate::machine::{Handover, State};
use crate::peel::Routing;
use crate::schema::{placements, route_generations};

/// Every placement, as they were decided together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Placements {
    /// Raised with every change.
    pub generation: u64,
    /// By module. One that is not listed runs at home and has never run elsewhere.
    pub modules: BTreeMap<String, Placed>,
    /// Handovers that have not ended, by module.
    pub handovers: BTreeMap<String, Handover>,
}

/// Where a module runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// The epoch of its store.
    pub epoch: u64,
    /// The nodes that it runs on; none when it is at home.
    pub nodes: Vec<NodeId>,
    /// Percent of public traffic that goes to the nodes.
    pub weight: u8,
    /// Whether other modules' calls go to the nodes.
    pub callers_remote: bool,
    /// Whether the background work is the nodes' alone.
    pub workers_remote: bool,
    /// Percent of requests copied to the nodes.
    pub shadow_percent: u8,
    /// URL of its store; `None` for the one that each process is configured with.
    pub store: Option<String>,
    /// Whether its store is the nodes' alone.
    pub moved: bool,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = placements, treat_none_as_null = true)]
struct Row {
    module: String,
    epoch: i64,
    nodes: Option<String>,
    weight: i32,
    callers_remote: bool,
    workers_remote: bool,
    shadow_percent: i32,
    store: Option<String>,
    moved: bool,
}

pub(super) fn load(db: &mut Db) -> Result<Placements, StoreError> {
    let rows: Vec<Row> = on_each!(db, conn => placements::table.order(placements::module).select(Row::as_select()).load(conn))?;
    let modules = rows.into_iter().map(|row| {
        let corrupt = |_error| StoreError::Corrupt("a placement is out of range".to_owned());
        let placed = Placed {
            epoch: u64::try_from(row.epoch).map_err(corrupt)?,
            nodes: nodes::parsed(row.nodes.as_deref())?,
            weight: u8::try_from(row.weight).map_err(corrupt)?,
            callers_remote: row.callers_remote,
            workers_remote: row.workers_remote,
            shadow_percent: u8::try_from(row.shadow_percent).map_err(corrupt)?,
            store: row.store,
            moved: row.moved,
        };
        Ok((row.module, placed))
    });
    let modules = modules.collect::<Result<_, StoreError>>()?;
    let running = handovers::all_running(db)?.into_iter();
    let handovers = running.map(|handover| (handover.module.clone(), handover)).collect();
    Ok(Placements { modules, handovers, generation: generation(db)? })
}

fn generation(db: &mut Db) -> Result<u64, StoreError> {
    let kept: Option<i64> = on_each!(db, conn => route_generations::table
        .find(1)
        .select(route_generations::generation)
        .first(conn)
        .optional())?;
    Ok(kept.and_then(|generation| u64::try_from(generation).ok()).unwrap_or(0))
}

/// Raises the generation and gives the new one.
pub(super) fn raise(tx: &mut Tx<'_>) -> Result<u64, StoreError> {
    let next = generation(tx)?.saturating_add(1);
    let kept = i64::try_from(next).unwrap_or(i64::MAX);
    let row = (route_generations::id.eq(1), route_generations::generation.eq(kept));
    on_each!(tx, conn => diesel::insert_into(route_generations::table)
        .values(&row)
        .on_conflict(route_generations::id)
        .do_update()
        .set(route_generations::generation.eq(kept))
        .execute(conn))?;
    Ok(next)
}

/// Places a module. Its store stays where it is, so its epoch does, too.
pub(super) fn place(
    tx: &mut Tx<'_>,
    module: &str,
    nodes: &[NodeId],
    routing: Routing,
) -> Result<(), StoreError> {
    // At home there is no node to speak of.
    let nodes = if routing == Routing::HOME { None } else { nodes::text(nodes) };
    let routing = if nodes.is_none() { Routing::HOME } else { routing };
    let row = Row {
        module: module.to_owned(),
        epoch: 1,
        nodes,
        weight: routing.weight.into(),
        callers_remote: routing.callers_remote,
        workers_remote: routing.workers_remote,
        shadow_percent: routing.shadow_percent.into(),
        store: None,
        moved: false,
    };
    let shifted = (
        placements::nodes.eq(row.nodes.clone()),
        placements::weight.eq(row.weight),
        placements::callers_remote.eq(row.callers_remote),
        placements::workers_remote.eq(row.workers_remote),
        placements::shadow_percent.eq(row.shadow_percent),
    );
    on_each!(tx, conn => diesel::insert_into(placements::table)
        .values(&row)
        .on_conflict(placements::module)
        .do_update()
        .set(shifted)
        .execute(conn))?;
    Ok(())
}

/// Writes down a module that was never placed: at home, in the first epoch.
pub(super) fn ensure(tx: &mut Tx<'_>, module: &str) -> Result<(), StoreError> {
    let row = Row {
        module: module.to_owned(),
        epoch: 1,
        nodes: None,
        weight: 0,
        callers_remote: false,
        workers_remote: false,
        shadow_percent: 0,
        store: None,
        moved: false,
    };
    on_each!(tx, conn => diesel::insert_into(placements::table).values(&row).on_conflict_do_nothing().execute(conn))?;
    Ok(())
}

/// What entering the handover's state means for its module's ownership. `false` if that is in another epoch than the
/// handover began in: the compare-and-set of a switch, in either direction.
pub(super) fn change_hands(tx: &mut Tx<'_>, handover: &Handover) -> Result<bool, StoreError> {
    let epoch = |epoch: u64| i64::try_from(epoch).unwrap_or(i64::MAX);
    let mine = placements::table
        .filter(placements::module.eq(&handover.module))
        .filter(placements::epoch.eq(epoch(handover.epoch)));
    let changed = match handover.state {
        State::Committed => {
            let target = &handover.plan.target;
            let routing = if target.is_home() { Routing::HOME } else { Routing::NODE };
            let owner = (
                placements::epoch.eq(epoch(handover.target_epoch())),
                placements::store.eq((!target.as_configured).then(|| target.store.clone())),
                placements::moved.eq(!target.is_home()),
                placements::nodes.eq(nodes::text(&target.nodes)),
                placements::weight.eq(i32::from(routing.weight)),
                placements::callers_remote.eq(routing.callers_remote),
                placements::workers_remote.eq(routing.workers_remote),
                placements::shadow_percent.eq(0),
            );
            on_each!(tx, conn => diesel::update(mine).set(owner).execute(conn))?
        }
        State::Reopening => {
            let reopened = placements::epoch.eq(epoch(handover.reopened_epoch()));
            on_each!(tx, conn => diesel::update(mine).set(reopened).execute(conn))?
        }
        _ => return Ok(true),
    };
    Ok(changed == 1)
}

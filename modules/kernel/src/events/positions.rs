//! How far streams of events are.

use diesel::prelude::*;
use kernel_types::Timestamp;

use crate::schema::event_positions;
use crate::store::{Db, StoreError, Tx};
use crate::{lease, on_each};

/// The last number that was given to an event of this store.
pub(super) const PUBLISHED: &str = "published";

/// Name of the position up to which a consumer has the events of this store.
pub(super) fn to(consumer: &str) -> String {
    format!("to:{consumer}")
}

/// Name of the position up to which this store has the events of a source.
pub(super) fn from(source: &str) -> String {
    format!("from:{source}")
}

/// The position; 0 before the first event.
pub(super) fn read(db: &mut Db, name: &str) -> Result<i64, StoreError> {
    let position = event_positions::table.find(name).select(event_positions::sequence);
    let position: Option<i64> = on_each!(db, conn => position.first(conn).optional())?;
    Ok(position.unwrap_or(0))
}

/// Sets the position.
pub(super) fn write(tx: &mut Tx<'_>, name: &str, sequence: i64) -> Result<(), StoreError> {
    let row = (event_positions::name.eq(name), event_positions::sequence.eq(sequence));
    on_each!(tx, conn => diesel::insert_into(event_positions::table)
        .values(&row)
        .on_conflict(event_positions::name)
        .do_update()
        .set(event_positions::sequence.eq(sequence))
        .execute(conn))?;
    Ok(())
}

/// The next position, counted in this transaction.
pub(super) fn advance(tx: &mut Tx<'_>, name: &str) -> Result<i64, StoreError> {
    let first = (event_positions::name.eq(name), event_positions::sequence.eq(1_i64));
    on_each!(tx, conn => diesel::insert_into(event_positions::table)
        .values(&first)
        .on_conflict(event_positions::name)
        .do_update()
        .set(event_positions::sequence.eq(event_positions::sequence + 1))
        .execute(conn))?;
    read(tx, name)
}

/// Takes the position's lease, unless somebody else of this epoch has it.
pub(super) fn lease(
    tx: &mut Tx<'_>,
    name: &str,
    owner: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let unknown = (event_positions::name.eq(name), event_positions::sequence.eq(0_i64));
    on_each!(tx, conn => diesel::insert_into(event_positions::table)
        .values(&unknown)
        .on_conflict_do_nothing()
        .execute(conn))?;
    let free = event_positions::table.filter(event_positions::name.eq(name)).filter(
        event_positions::lease_until
            .is_null()
            .or(event_positions::lease_until.le(now))
            .or(event_positions::lease_owner.not_like(lease::of_same_epoch(owner))),
    );
    let lease = (event_positions::lease_owner.eq(Some(owner)), event_positions::lease_until.eq(Some(until)));
    Ok(on_each!(tx, conn => diesel::update(free).set(lease).execute(conn))? == 1)
}

/// Gives the lease up and, if something was heard, sets the position. Whoever lost the lease changes nothing.
pub(super) fn settle(tx: &mut Tx<'_>, name: &str, owner: &str, heard: Option<i64>) -> Result<(), StoreError> {
    let mine = event_positions::table
        .filter(event_positions::name.eq(name))
        .filter(event_positions::lease_owner.eq(owner));
    if let Some(sequence) = heard {
        on_each!(tx, conn => diesel::update(mine).set(event_positions::sequence.eq(sequence)).execute(conn))?;
    }
    let nobody =
        (event_positions::lease_owner.eq(None::<String>), event_positions::lease_until.eq(None::<Timestamp>));
    on_each!(tx, conn => diesel::update(mine).set(nobody).execute(conn))?;
    Ok(())
}

/// The least position of any consumer; `None` if there is none.
pub(super) fn least_delivered(db: &mut Db) -> Result<Option<i64>, StoreError> {
    let delivered = event_positions::table
        .filter(event_positions::name.like("to:%"))
        .order(event_positions::sequence)
        .select(event_positions::sequence);
    Ok(on_each!(db, conn => delivered.first(conn).optional())?)
}

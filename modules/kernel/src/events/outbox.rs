//! The events of this store.

use std::time::Duration;

use diesel::prelude::*;
use kernel_types::{Event, Timestamp};
use serde::Serialize;

use super::positions;
use crate::on_each;
use crate::schema::outbox;
use crate::store::{Db, StoreError, Tx};

/// How long an event is kept when every consumer has it.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

type Row = (i64, String, String, String, Timestamp);

/// Writes down that something happened to `aggregate`, in the transaction in which it does.
///
/// # Errors
/// When the store fails, or `data` has no JSON form.
pub fn publish(
    tx: &mut Tx<'_>,
    aggregate: &str,
    kind: &str,
    data: &impl Serialize,
    at: Timestamp,
) -> Result<(), StoreError> {
    let data = serde_json::to_string(data)
        .map_err(|error| StoreError::Corrupt(format!("an event that has no JSON form: {error}")))?;
    let sequence = positions::advance(tx, positions::PUBLISHED)?;
    let row = (
        outbox::sequence.eq(sequence),
        outbox::aggregate.eq(aggregate),
        outbox::kind.eq(kind),
        outbox::data.eq(data),
        outbox::at.eq(at),
    );
    on_each!(tx, conn => diesel::insert_into(outbox::table).values(&row).execute(conn))?;
    Ok(())
}

/// Up to `limit` events after `sequence`, the oldest first.
pub(super) fn after(db: &mut Db, sequence: i64, limit: i64) -> Result<Vec<Event>, StoreError> {
    let rows = outbox::table
        .filter(outbox::sequence.gt(sequence))
        .order(outbox::sequence)
        .limit(limit)
        .select((outbox::sequence, outbox::aggregate, outbox::kind, outbox::data, outbox::at));
    let rows: Vec<Row> = on_each!(db, conn => rows.load(conn))?;
    let event = |(sequence, aggregate, kind, data, at)| Event { sequence, aggregate, kind, data, at };
    Ok(rows.into_iter().map(event).collect())
}

/// Forgets events that every consumer has had for long.
pub(super) fn forget(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
    let Some(delivered) = positions::least_delivered(tx)? else { return Ok(()) };
    let old = outbox::table.filter(outbox::sequence.le(delivered)).filter(outbox::at.lt(now.minus(KEPT)));
    on_each!(tx, conn => diesel::delete(old).execute(conn))?;
    Ok(())
}

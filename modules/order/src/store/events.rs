//! The event streams: the truth about orders.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{OrderId, Timestamp, on_each};

use crate::domain::event::Event;
use crate::domain::order::Order;
use crate::schema::order_events;
use crate::store::{orders, outbox};

/// Appends `events` to an order's stream, brings the projection up to date and tells others, in the same transaction.
pub(crate) fn append(
    tx: &mut Tx<'_>,
    id: OrderId,
    mut order: Order,
    events: Vec<Event>,
    now: Timestamp,
) -> Result<Order, StoreError> {
    if events.is_empty() {
        return Ok(order);
    }
    let before = order.status;
    for event in events {
        order.apply(event.clone(), now).map_err(unreadable)?;
        insert(tx, id, order.version, &event, now)?;
    }
    orders::project(tx, id, &order)?;
    outbox::tell(tx, id, before, &order, now)?;
    Ok(order)
}

/// Begins an order's stream.
pub(crate) fn begin(
    tx: &mut Tx<'_>,
    id: OrderId,
    first: &Event,
    now: Timestamp,
) -> Result<Order, StoreError> {
    insert(tx, id, 1, first, now)?;
    Order::fold([(first.clone(), now)]).map_err(unreadable)
}

/// The order with its whole history, or `None`.
pub(crate) fn load(db: &mut Db, id: OrderId) -> Result<Option<Order>, StoreError> {
    let history = history(db, id)?;
    if history.is_empty() {
        return Ok(None);
    }
    Order::fold(history).map(Some).map_err(unreadable)
}

/// An order's events, the oldest first.
pub(crate) fn history(db: &mut Db, id: OrderId) -> Result<Vec<(Event, Timestamp)>, StoreError> {
    let rows = order_events::table
        .filter(order_events::order_id.eq(id))
        .order(order_events::seq)
        .select((order_events::data, order_events::at));
    let rows: Vec<(String, Timestamp)> = on_each!(db, conn => rows.load(conn))?;
    rows.into_iter().map(|(data, at)| Ok((serde_json::from_str(&data).map_err(unreadable)?, at))).collect()
}

fn insert(tx: &mut Tx<'_>, id: OrderId, seq: i32, event: &Event, at: Timestamp) -> Result<(), StoreError> {
    let row = (
        order_events::order_id.eq(id),
        order_events::seq.eq(seq),
        order_events::kind.eq(event.kind()),
        order_events::data.eq(serde_json::to_string(event).map_err(unreadable)?),
        order_events::at.eq(at),
    );
    // Two writers of one stream would meet here; the transactions run one after another, so they do not.
    on_each!(tx, conn => diesel::insert_into(order_events::table).values(&row).execute(conn))?;
    Ok(())
}

fn unreadable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("an order's events: {error}"))
}

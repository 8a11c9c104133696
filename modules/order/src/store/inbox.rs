//! What providers send, and which order it is about.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{OrderId, Timestamp, on_each};

use crate::schema::{payment_references, webhook_inbox};

/// Takes in a provider's event. `false` when it was taken in before.
pub(crate) fn receive(
    tx: &mut Tx<'_>,
    provider: &str,
    event_id: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let row = (
        webhook_inbox::provider.eq(provider),
        webhook_inbox::event_id.eq(event_id),
        webhook_inbox::received_at.eq(now),
    );
    let inserted = on_each!(tx, conn => diesel::insert_into(webhook_inbox::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(conn))?;
    Ok(inserted == 1)
}

/// Remembers whose payment `reference` is.
pub(crate) fn remember(
    tx: &mut Tx<'_>,
    provider: &str,
    reference: &str,
    order_id: OrderId,
) -> Result<(), StoreError> {
    let row = (
        payment_references::provider.eq(provider),
        payment_references::reference.eq(reference),
        payment_references::order_id.eq(order_id),
    );
    on_each!(tx, conn => diesel::insert_into(payment_references::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(conn))?;
    Ok(())
}

/// Whose payment `reference` is.
pub(crate) fn order_of(db: &mut Db, provider: &str, reference: &str) -> Result<Option<OrderId>, StoreError> {
    let order_id = payment_references::table.find((provider, reference)).select(payment_references::order_id);
    Ok(on_each!(db, conn => order_id.first(conn).optional())?)
}

//! What other modules are told about orders, in the transaction in which it happens.

use kernel::events::publish;
use kernel::store::{StoreError, Tx};
use kernel::{OrderId, Timestamp};
use order_contract::{ORDER_CONFIRMED, ORDER_REVOKED, OrderConfirmed, OrderRevoked};

use crate::domain::order::{Order, Status};

/// Tells what the step from `before` to the order as it is now means to others. A guest's order says nothing about anybody.
pub(super) fn tell(
    tx: &mut Tx<'_>,
    order_id: OrderId,
    before: Status,
    order: &Order,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(user_id) = order.placed.user_id else { return Ok(()) };
    match (before == Status::Confirmed, order.status == Status::Confirmed) {
        (false, true) => {
            let mut product_ids: Vec<_> = order.placed.lines.iter().map(|line| line.product_id).collect();
            product_ids.sort_unstable();
            product_ids.dedup();
            let data = OrderConfirmed { order_id, user_id, product_ids };
            publish(tx, order_id.as_str(), ORDER_CONFIRMED, &data, now)
        }
        (true, false) => publish(tx, order_id.as_str(), ORDER_REVOKED, &OrderRevoked { order_id }, now),
        _ => Ok(()),
    }
}

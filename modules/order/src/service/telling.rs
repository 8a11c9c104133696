//! What other modules are told about orders.

use std::time::Duration;

use kernel::events::{Outlet, publish};
use kernel::store::{StoreError, Tx};
use kernel::worker::Round;
use kernel::{CallContext, EventBatch, OrderId, Timestamp};
use order_contract::{ORDER_CONFIRMED, OrderConfirmed};

use super::Service;
use crate::domain::order::Order;

/// How long the product module may take for a batch.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writes down that an order was confirmed, in the same transaction. A guest's order says nothing about anybody.
pub(super) fn confirmed(
    tx: &mut Tx<'_>,
    order_id: OrderId,
    order: &Order,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(user_id) = order.placed.user_id else { return Ok(()) };
    let mut product_ids: Vec<_> = order.placed.lines.iter().map(|line| line.product_id).collect();
    product_ids.sort_unstable();
    product_ids.dedup();
    let data = OrderConfirmed { order_id, user_id, product_ids };
    publish(tx, order_id.as_str(), ORDER_CONFIRMED, &data, now)
}

impl Service {
    /// Delivers what the product module does not know yet.
    pub(crate) async fn tell_product(&self) -> Result<Round, StoreError> {
        let (store, runner) = (self.store().clone(), self.inner.runner.clone());
        let outlet = Outlet::new(store, "order", "product", runner, self.settings().lease());
        outlet.deliver(|batch| self.send_to_product(batch)).await
    }

    async fn send_to_product(&self, batch: EventBatch) -> Result<i64, String> {
        let context = CallContext::of_module("order", PATIENCE);
        let sent = match self.inner.products.enter() {
            Ok(products) => products.take_events(context, batch).await,
            Err(vacant) => Err(vacant),
        };
        sent.map_err(|error| error.to_string())
    }
}

//! What other modules are told about orders.

use std::time::Duration;

use kernel::events::Outlet;
use kernel::store::StoreError;
use kernel::worker::Round;
use kernel::{CallContext, EventBatch};

use super::Service;

/// How long the product module may take for a batch.
const PATIENCE: Duration = Duration::from_secs(10);

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

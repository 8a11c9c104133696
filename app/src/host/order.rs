//! The order module, as this program hosts it.

use std::sync::Arc;

use ::order::{Needs, OrderModule};
use kernel::Module;
use kernel::store::StoreSettings;
use order_contract::Orders;

use super::Wiring;
use crate::config::Config;
use crate::exit::Failure;

/// The open module. Clones share it.
#[derive(Clone)]
pub(super) struct Hosted(OrderModule);

impl Hosted {
    /// Opens its store. Blocks.
    pub(super) fn open(config: &Config, store: &StoreSettings, wiring: &Wiring) -> Result<Self, Failure> {
        let needs = Needs {
            users: wiring.handles.users.clone(),
            products: wiring.handles.products.clone(),
            base_url: Arc::clone(&wiring.base_url),
        };
        Ok(Self(OrderModule::open(config.order.clone(), store, needs)?))
    }

    /// What every module is.
    pub(super) fn module(&self) -> &dyn Module {
        &self.0
    }

    /// The module as other modules see it.
    pub(super) fn contract(&self) -> Arc<dyn Orders> {
        self.0.contract()
    }

    /// Makes the projections anew from the events. Gives the number of orders.
    pub(super) async fn rebuild(&self) -> Result<u64, Failure> {
        Ok(self.0.service().rebuild().await.map_err(anyhow::Error::from)?)
    }
}

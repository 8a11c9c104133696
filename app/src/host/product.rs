//! The product module, as this program hosts it.

use std::sync::Arc;

use ::product::{Needs, ProductModule};
use kernel::Module;
use kernel::store::StoreSettings;
use product_contract::Products;

use super::Wiring;
use crate::config::Config;
use crate::exit::Failure;

/// The open module. Clones share it.
#[derive(Clone)]
pub(super) struct Hosted(ProductModule);

impl Hosted {
    /// Opens its store. Blocks.
    pub(super) fn open(config: &Config, store: &StoreSettings, wiring: &Wiring) -> Result<Self, Failure> {
        let needs = Needs { orders: wiring.handles.orders.clone() };
        Ok(Self(ProductModule::open(config.product.clone(), store, needs)?))
    }

    /// What every module is.
    pub(super) fn module(&self) -> &dyn Module {
        &self.0
    }

    /// The module as other modules see it.
    pub(super) fn contract(&self) -> Arc<dyn Products> {
        self.0.contract()
    }

    /// Fills an empty catalogue.
    pub(super) async fn seed_catalogue(&self, products: Option<u32>) -> Result<(), Failure> {
        self.0.seed(products).await.map_err(anyhow::Error::from)?;
        Ok(())
    }
}

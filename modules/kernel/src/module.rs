//! What every module is to the process that hosts it.

use utoipa_actix_web::service_config::ServiceConfig;

use crate::store::{Store, StoreError};
use crate::worker::Worker;

/// A module, opened over its store. The host wires contracts by the modules' own types; all the rest it does through this.
#[async_trait::async_trait]
pub trait Module: Send + Sync + 'static {
    /// Its name: of its contract, its schema, its routes' tag.
    fn name(&self) -> &'static str;

    /// Adds the module's public routes, with their full paths.
    fn routes(&self, config: &mut ServiceConfig<'_>);

    /// Starts the background work. Called once, when the module is wired.
    fn start(&self) -> Vec<Worker>;

    /// Its store, which the host opens elsewhere when the module's data has moved.
    fn store(&self) -> &Store;

    /// Takes up what it keeps in memory of its store. Called when that was opened at another place.
    ///
    /// # Errors
    /// When the store fails.
    async fn attached(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether it can serve.
    ///
    /// # Errors
    /// Why it cannot.
    async fn ready(&self) -> Result<(), StoreError> {
        self.store().ping().await
    }

    /// Gives up what it holds for a while, such as leases, so that others need not wait for them to run out. Called once, after the
    /// last request and the last worker.
    async fn release(&self) {}

    /// Closes the store. Called last. Blocks.
    fn close(&self) {
        self.store().close();
    }
}

//! What every module is to the process that hosts it.

use utoipa_actix_web::service_config::ServiceConfig;

use crate::store::StoreError;
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

    /// Whether it can serve.
    ///
    /// # Errors
    /// Why it cannot.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Gives up what it holds for a while, such as leases, so that others need not wait for them to run out. Called once, after the
    /// last request and the last worker.
    async fn release(&self) {}

    /// Closes the store. Called last. Blocks.
    fn close(&self);
}

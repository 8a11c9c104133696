//! Opens the module over its store and wires it.

use std::sync::Arc;

use actix_web::web;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use kernel::Module;
use kernel::store::{Migrations, OpenError, Store, StoreSettings};
use kernel::worker::Worker;
use order_contract::Orders;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::service::{Needs, Service};
use crate::settings::Settings;
use crate::{contract, http, worker};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/order/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/order/postgres");
const MIGRATIONS: Migrations =
    Migrations { module: "order", sqlite: SQLITE, postgres: POSTGRES, fenced: true };

/// The order module, opened over its store. Clones share it.
#[derive(Clone)]
pub struct OrderModule {
    service: Service,
}

impl OrderModule {
    /// Opens the module over the store at `store`. Blocks.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub fn open(settings: Settings, store: &StoreSettings, needs: Needs) -> Result<Self, OpenError> {
        let store = Store::open(store, &MIGRATIONS)?;
        Ok(Self { service: Service::new(store, settings, needs) })
    }

    /// The module as other modules see it.
    pub fn contract(&self) -> Arc<dyn Orders> {
        Arc::new(contract::Local::new(self.service.clone()))
    }

    /// The module's use cases.
    pub fn service(&self) -> &Service {
        &self.service
    }
}

#[async_trait::async_trait]
impl Module for OrderModule {
    fn name(&self) -> &'static str {
        MIGRATIONS.module
    }

    fn routes(&self, config: &mut ServiceConfig<'_>) {
        config.app_data(web::Data::new(self.service.clone()));
        http::routes(config);
    }

    fn start(&self) -> Vec<Worker> {
        worker::start(&self.service)
    }

    fn store(&self) -> &Store {
        self.service.store()
    }

    async fn release(&self) {
        match self.service.release_leases().await {
            Ok(leases) => log::debug!("gave up {leases} leases"),
            // They run out by themselves.
            Err(error) => log::warn!("leases could not be given up: {error}"),
        }
    }
}

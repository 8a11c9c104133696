//! The module and what it is made of.

use std::sync::Arc;

use actix_web::web;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use kernel::store::{Migrations, OpenError, Store, StoreSettings};
use kernel::worker::Worker;
use order_contract::Orders;
use product_contract::Products;
use seam::{Contract, Handle};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::Error;
use crate::service::Service;
use crate::settings::Settings;
use crate::{http, worker};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/product/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/product/postgres");
const MIGRATIONS: Migrations =
    Migrations { module: <dyn Products>::MODULE, sqlite: SQLITE, postgres: POSTGRES, fenced: true };

/// The modules that this one calls.
#[derive(Clone)]
pub struct Needs {
    /// Knows who has bought what.
    pub orders: Handle<dyn Orders>,
}

/// The product module, opened over its store. Clones share it.
#[derive(Clone)]
pub struct ProductModule {
    service: Service,
}

impl ProductModule {
    /// Opens the module's store. Blocks.
    ///
    /// # Errors
    /// Says what is wrong with the store; nothing in it has been changed then.
    pub fn open(settings: Settings, store: &StoreSettings, needs: Needs) -> Result<Self, OpenError> {
        let store = Store::open(store, &MIGRATIONS)?;
        Ok(Self { service: Service::new(store, needs.orders, settings) })
    }

    /// The module as other modules see it.
    pub fn contract(&self) -> Arc<dyn Products> {
        Arc::new(self.service.clone())
    }

    /// The module's use cases.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Puts the sample catalogue into a store without products; with `products`, adds made-up ones until there are that many.
    /// Doing it again changes nothing. Gives the number of products there are then.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn seed(&self, products: Option<u32>) -> Result<i64, Error> {
        self.service.seed(products).await
    }
}

#[async_trait::async_trait]
impl kernel::Module for ProductModule {
    fn name(&self) -> &'static str {
        <dyn Products>::MODULE
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
}

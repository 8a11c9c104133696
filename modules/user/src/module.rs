//! Opens the module and wires it.

use std::sync::Arc;

use actix_web::web;
use diesel_migrations::embed_migrations;
use kernel::Role;
use kernel::store::{Migrations, OpenError, Store, StoreError, StoreSettings};
use kernel::worker::Worker;
use order_contract::Orders;
use seam::Handle;
use user_contract::Users;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::domain::{Registration, Secret};
use crate::error::Error;
use crate::service::Service;
use crate::settings::Settings;
use crate::{http, worker};

/// The user module over its open store. Clones share it.
#[derive(Clone)]
pub struct UserModule {
    service: Service,
}

/// The other modules that this one calls.
#[derive(Clone)]
pub struct Needs {
    /// Gives a guest's cart to the user who logs in.
    pub orders: Handle<dyn Orders>,
}

/// Accounts to try the shop with.
#[derive(Clone, Copy)]
pub struct SampleUsers {
    /// One without roles.
    pub customer: SampleUser,
    /// One with the role of operator.
    pub operator: SampleUser,
}

/// An account to try the shop with. No `Debug`: it holds a password, even if that is no secret.
#[derive(Clone, Copy)]
pub struct SampleUser {
    /// E-mail address to log in with.
    pub email: &'static str,
    /// Password to log in with; the rules for passwords hold for it too.
    pub password: &'static str,
    /// How to address them.
    pub name: &'static str,
}

/// Which sample accounts were made; the others existed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeded {
    /// The one without roles.
    pub customer: bool,
    /// The operator.
    pub operator: bool,
}

const MIGRATIONS: Migrations = Migrations {
    module: "user",
    sqlite: embed_migrations!("../../migrations/user/sqlite"),
    postgres: embed_migrations!("../../migrations/user/postgres"),
    fenced: true,
};

// === impl UserModule ===

impl UserModule {
    /// Opens the module's store, creating it and its first signing key when there are none. Blocks.
    ///
    /// # Errors
    /// Says what is wrong with the store.
    pub fn open(settings: Settings, store: &StoreSettings, needs: Needs) -> Result<Self, OpenError> {
        let store = Store::open(store, &MIGRATIONS)?;
        let service = Service::new(&settings, store, needs.orders).map_err(unusable)?;
        if service.store().place().is_some() {
            wait_for(service.take_up_keys()).map_err(unusable)?;
        }
        Ok(Self { service })
    }

    /// What other modules may ask of this one.
    pub fn contract(&self) -> Arc<dyn Users> {
        Arc::new(self.service.clone())
    }

    /// The use cases.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Makes the sample accounts that do not exist. Those that do are left as they are.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a field breaks a rule, or when the store fails.
    pub async fn seed(&self, sample: &SampleUsers) -> Result<Seeded, Error> {
        Ok(Seeded {
            customer: self.ensure(&sample.customer, Vec::new()).await?,
            operator: self.ensure(&sample.operator, vec![Role::Operator]).await?,
        })
    }

    async fn ensure(&self, user: &SampleUser, roles: Vec<Role>) -> Result<bool, Error> {
        let registration = Registration::parse(user.email, user.name, Secret::new(user.password))?;
        self.service.ensure(registration, roles).await
    }
}

fn unusable(error: Error) -> OpenError {
    OpenError::Unusable { url: "the user module".to_owned(), source: in_store(error) }
}

fn in_store(error: Error) -> StoreError {
    match error {
        Error::Store(source) => source,
        other => StoreError::Corrupt(other.to_string()),
    }
}

/// Runs a future to its end from code that blocks, inside or outside a runtime.
fn wait_for<T: Send>(future: impl Future<Output = Result<T, Error>> + Send) -> Result<T, Error> {
    let failed = |reason: String| Error::Store(StoreError::Unreachable(reason));
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.map_err(|error| failed(format!("no runtime: {error}")))?.block_on(future)
    };
    // A thread of its own, because a runtime may not be started on one that belongs to a runtime.
    std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_panicked| Err(failed("opening panicked".to_owned())))
}

#[async_trait::async_trait]
impl kernel::Module for UserModule {
    fn name(&self) -> &'static str {
        "user"
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

    async fn attached(&self) -> Result<(), StoreError> {
        self.service.take_up_keys().await.map_err(in_store)
    }
}

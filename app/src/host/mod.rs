//! Opens the modules and wires them to one another. The only place that knows all of them.

mod name;
mod workers;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use kernel::auth::{KeySource, Verifier};
use kernel::store::OpenError;
use kernel::{CallContext, Module, PublicKey};
use order::OrderModule;
use order_contract::Orders;
use product::ProductModule;
use product_contract::Products;
use seam::{Contract, Endpoint, Epoch, Handle, Retired, Stub, Transport};
use user::{SampleUser, SampleUsers, UserModule};
use user_contract::Users;

use crate::config::Config;
use crate::exit::Failure;

pub(crate) use name::ModuleName;
use workers::Workers;

/// The demo accounts. Their passwords are in every copy of the program: they are only made beside sample data.
pub(crate) const DEMO: SampleUsers = SampleUsers {
    customer: SampleUser {
        email: "customer@banyan.example",
        password: "banyan-customer-demo",
        name: "Demo Customer",
    },
    operator: SampleUser {
        email: "operator@banyan.example",
        password: "banyan-operator-demo",
        name: "Demo Operator",
    },
};

/// The modules that run here, open and wired. Clones share them.
#[derive(Clone)]
pub(crate) struct Host {
    user: Option<UserModule>,
    product: Option<ProductModule>,
    order: Option<OrderModule>,
    handles: Handles,
    workers: Arc<Workers>,
    base_url: Arc<OnceLock<String>>,
}

/// What the modules know one another by, wherever they run.
#[derive(Clone)]
pub(crate) struct Handles {
    pub(crate) users: Handle<dyn Users>,
    pub(crate) products: Handle<dyn Products>,
    pub(crate) orders: Handle<dyn Orders>,
}

/// The public keys as the user module gives them, wherever it is placed.
struct UserKeys(Handle<dyn Users>);

#[async_trait::async_trait]
impl KeySource for UserKeys {
    async fn public_keys(&self) -> Option<Vec<PublicKey>> {
        let context = CallContext::of_module("gateway", Duration::from_secs(2));
        let asked = match self.0.enter() {
            Ok(users) => users.public_keys(context, ()).await,
            Err(vacant) => Err(vacant),
        };
        asked.inspect_err(|error| log::warn!("no public keys: {error}")).ok()
    }
}

// === impl Host ===

impl Host {
    /// Opens every module's store and wires the modules. Blocks.
    pub(crate) fn open(config: &Config) -> Result<Self, Failure> {
        Self::open_only(config, &ModuleName::ALL)
    }

    /// Opens the stores of some modules and wires them; the others' handles are vacant. Blocks.
    pub(crate) fn open_only(config: &Config, wanted: &[ModuleName]) -> Result<Self, Failure> {
        let handles =
            Handles { users: Handle::vacant(), products: Handle::vacant(), orders: Handle::vacant() };
        let base_url = Arc::new(OnceLock::new());
        let store = |module: ModuleName| match wanted.contains(&module) {
            true => config.store(module.as_str()).map(Some).map_err(Failure::Config),
            false => Ok(None),
        };
        let (user, product, order) =
            (store(ModuleName::User)?, store(ModuleName::Product)?, store(ModuleName::Order)?);
        // Three stores, three threads: opening one mostly waits for the disk.
        let (user, product, order) = std::thread::scope(|scope| {
            let user = user.map(|store| {
                let needs = user::Needs { orders: handles.orders.clone() };
                scope.spawn(move || UserModule::open(config.user.clone(), &store, needs))
            });
            let product = product.map(|store| {
                let needs = product::Needs { orders: handles.orders.clone() };
                scope.spawn(move || ProductModule::open(config.product.clone(), &store, needs))
            });
            let order = order.map(|store| {
                let needs = order::Needs {
                    users: handles.users.clone(),
                    products: handles.products.clone(),
                    base_url: Arc::clone(&base_url),
                };
                OrderModule::open(config.order.clone(), &store, needs)
            });
            (user.map(joined), product.map(joined), order)
        });
        let host = Self {
            user: user.transpose()?,
            product: product.transpose()?,
            order: order.transpose()?,
            handles,
            workers: Arc::default(),
            base_url,
        };
        ModuleName::ALL.into_iter().for_each(|module| drop(host.call_here(module)));
        Ok(host)
    }

    /// The modules that are here. A request's path is tried against their routes in this order: most are for the catalogue.
    pub(crate) fn modules(&self) -> Vec<&dyn Module> {
        [ModuleName::Product, ModuleName::Order, ModuleName::User]
            .into_iter()
            .filter_map(|module| self.module(module))
            .collect()
    }

    /// One of the modules, if it is here.
    pub(crate) fn module(&self, module: ModuleName) -> Option<&dyn Module> {
        Some(match module {
            ModuleName::User => self.user.as_ref()?,
            ModuleName::Product => self.product.as_ref()?,
            ModuleName::Order => self.order.as_ref()?,
        })
    }

    /// Sends calls to a module to the one that is here. `None` if it is not.
    pub(crate) fn call_here(&self, module: ModuleName) -> Option<Retired> {
        Some(match module {
            ModuleName::User => self.handles.users.place(self.user.as_ref()?.contract()),
            ModuleName::Product => self.handles.products.place(self.product.as_ref()?.contract()),
            ModuleName::Order => self.handles.orders.place(self.order.as_ref()?.contract()),
        })
    }

    /// Sends calls to a module over `transport`.
    pub(crate) fn call_at(&self, module: ModuleName, transport: Arc<dyn Transport>, epoch: Epoch) -> Retired {
        fn place<C: ?Sized + Contract>(
            handle: &Handle<C>,
            transport: Arc<dyn Transport>,
            epoch: Epoch,
        ) -> Retired {
            handle.place(C::remote(Stub::new(transport, epoch)))
        }
        match module {
            ModuleName::User => place(&self.handles.users, transport, epoch),
            ModuleName::Product => place(&self.handles.products, transport, epoch),
            ModuleName::Order => place(&self.handles.orders, transport, epoch),
        }
    }

    /// What answers other processes' calls to a module: the module if it is here, or else whatever its handle leads to.
    pub(crate) fn endpoint(&self, module: ModuleName, epoch: Epoch) -> Endpoint {
        match module {
            ModuleName::User => Endpoint::of_handle(self.handles.users.clone(), epoch),
            ModuleName::Product => Endpoint::of_handle(self.handles.products.clone(), epoch),
            ModuleName::Order => Endpoint::of_handle(self.handles.orders.clone(), epoch),
        }
    }

    /// What verifies access tokens.
    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::new(Arc::new(UserKeys(self.handles.users.clone())))
    }

    /// Tells the modules where this process answers.
    pub(crate) fn listens_at(&self, base_url: String) {
        // Told once; the first holds.
        self.base_url.get_or_init(|| base_url);
    }

    /// Fills an empty catalogue and creates the demo accounts that do not exist.
    pub(crate) async fn seed(&self, products: Option<u32>) -> Result<(), Failure> {
        if let Some(product) = &self.product {
            product.seed(products).await.map_err(anyhow::Error::from)?;
        }
        if let Some(user) = &self.user {
            user.seed(&DEMO).await.map_err(anyhow::Error::from)?;
        }
        Ok(())
    }

    /// The user module, which every command but `serve` has here.
    pub(crate) fn user(&self) -> Result<&UserModule, Failure> {
        self.user.as_ref().ok_or_else(|| not_here(ModuleName::User))
    }

    /// The order module, which every command but `serve` has here.
    pub(crate) fn order(&self) -> Result<&OrderModule, Failure> {
        self.order.as_ref().ok_or_else(|| not_here(ModuleName::Order))
    }

    /// Ends the background work, gives up leases and closes the stores, in this order.
    pub(crate) async fn stop(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        for module in ModuleName::ALL {
            self.stop_work(module, deadline).await;
        }
        let host = self.clone();
        let closed = tokio::task::spawn_blocking(move || host.close());
        if closed.await.is_err() {
            log::error!("closing the stores panicked");
        }
    }

    /// Closes the stores. Blocks.
    pub(crate) fn close(&self) {
        self.modules().into_iter().for_each(Module::close);
    }
}

fn not_here(module: ModuleName) -> Failure {
    Failure::Other(anyhow::anyhow!("the {module} module is not in this process"))
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T, OpenError>>) -> Result<T, Failure> {
    match thread.join() {
        Ok(opened) => Ok(opened?),
        Err(_panic) => Err(Failure::Other(anyhow::anyhow!("opening a module panicked"))),
    }
}

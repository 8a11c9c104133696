//! Opens the modules and wires them to one another. The only place that knows all of them.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use kernel::auth::{KeySource, Verifier};
use kernel::store::OpenError;
use kernel::worker::Worker;
use kernel::{CallContext, Module, PublicKey};
use order::OrderModule;
use order_contract::Orders;
use product::ProductModule;
use product_contract::Products;
use seam::Handle;
use user::{SampleUser, SampleUsers, UserModule};
use user_contract::Users;

use crate::config::Config;
use crate::exit::Failure;

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

/// Every module, open and wired.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) user: UserModule,
    pub(crate) product: ProductModule,
    pub(crate) order: OrderModule,
    users: Handle<dyn Users>,
    base_url: Arc<OnceLock<String>>,
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
        let (users, products, orders) =
            (Handle::<dyn Users>::vacant(), Handle::<dyn Products>::vacant(), Handle::<dyn Orders>::vacant());
        let base_url = Arc::new(OnceLock::new());
        let store = |module| config.store(module).map_err(Failure::Config);
        let (user_store, product_store, order_store) = (store("user")?, store("product")?, store("order")?);
        // Three stores, three threads: opening one mostly waits for the disk.
        let (user, product, order) = std::thread::scope(|scope| {
            let user = scope.spawn(|| {
                let needs = user::Needs { orders: orders.clone() };
                UserModule::open(config.user.clone(), &user_store, needs)
            });
            let product = scope.spawn(|| {
                let needs = product::Needs { orders: orders.clone() };
                ProductModule::open(config.product.clone(), &product_store, needs)
            });
            let needs = order::Needs {
                users: users.clone(),
                products: products.clone(),
                base_url: Arc::clone(&base_url),
            };
            let order = OrderModule::open(config.order.clone(), &order_store, needs);
            (joined(user), joined(product), order)
        });
        let (user, product, order) = (user?, product?, order?);
        drop((
            users.place(user.contract()),
            products.place(product.contract()),
            orders.place(order.contract()),
        ));
        Ok(Self { user, product, order, users, base_url })
    }

    /// The modules as their host sees them. A request's path is tried against their routes in this order: most are for the catalogue.
    pub(crate) fn modules(&self) -> [&dyn Module; 3] {
        [&self.product, &self.order, &self.user]
    }

    /// What verifies access tokens.
    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::new(Arc::new(UserKeys(self.users.clone())))
    }

    /// Tells the modules where this process answers.
    pub(crate) fn listens_at(&self, base_url: String) {
        // Told once; the first holds.
        self.base_url.get_or_init(|| base_url);
    }

    /// Fills an empty catalogue and creates the demo accounts that do not exist.
    pub(crate) async fn seed(&self, products: Option<u32>) -> Result<(), Failure> {
        self.product.seed(products).await.map_err(anyhow::Error::from)?;
        self.user.seed(&DEMO).await.map_err(anyhow::Error::from)?;
        Ok(())
    }

    /// Starts every module's background work.
    pub(crate) fn start(&self) -> Vec<Worker> {
        self.modules().into_iter().flat_map(Module::start).collect()
    }

    /// Ends the background work, gives up leases and closes the stores, in this order.
    pub(crate) async fn stop(&self, workers: Vec<Worker>, patience: Duration) {
        let deadline = Instant::now() + patience;
        for worker in workers {
            worker.stop(deadline).await;
        }
        for module in self.modules() {
            module.release().await;
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

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T, OpenError>>) -> Result<T, Failure> {
    match thread.join() {
        Ok(opened) => Ok(opened?),
        Err(_panic) => Err(Failure::Other(anyhow::anyhow!("opening a module panicked"))),
    }
}

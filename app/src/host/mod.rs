//! Opens the modules and wires them to one another. The only place that knows all of them.

#[cfg(not(all(feature = "user", feature = "product", feature = "order")))]
mod absent;
mod calls;
mod name;
#[cfg(feature = "order")]
mod order;
mod places;
#[cfg(feature = "product")]
mod product;
#[cfg(feature = "user")]
mod user;
mod workers;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use handover::OperationId;
use kernel::auth::{KeySource, Verifier};
use kernel::store::Place;
use kernel::{CallContext, Module, PublicKey, Role};
use order_contract::Orders;
use product_contract::Products;
use seam::{Contract, Endpoint, Epoch, Handle, Loopback, Parked, Parking, Retired, Stub, Transport};
use user_contract::Users;

use crate::config::Config;
use crate::exit::Failure;

#[cfg(not(feature = "order"))]
use absent as order;
#[cfg(not(feature = "product"))]
use absent as product;
#[cfg(not(feature = "user"))]
use absent as user;
pub(crate) use calls::{Calls, To, Wire};
pub(crate) use name::ModuleName;
pub(crate) use places::Places;
use workers::Workers;

/// An account to try the shop with. Its password is in every copy of the program: it is only made beside sample data.
#[derive(Clone, Copy)]
pub(crate) struct Demo {
    pub(crate) email: &'static str,
    pub(crate) password: &'static str,
    #[cfg_attr(not(feature = "user"), expect(dead_code, reason = "only the user module makes accounts"))]
    name: &'static str,
}

/// Somebody who buys.
pub(crate) const CUSTOMER: Demo =
    Demo { email: "customer@banyan.example", password: "banyan-customer-demo", name: "Demo Customer" };

/// Somebody who runs the shop.
pub(crate) const OPERATOR: Demo =
    Demo { email: "operator@banyan.example", password: "banyan-operator-demo", name: "Demo Operator" };

/// The modules that run here, open and wired. Clones share them.
#[derive(Clone)]
pub(crate) struct Host {
    user: Option<user::Hosted>,
    product: Option<product::Hosted>,
    order: Option<order::Hosted>,
    wiring: Wiring,
    workers: Arc<Workers>,
    /// Under which handover a module's store was opened last, if under any.
    attached: Arc<Mutex<BTreeMap<ModuleName, Option<OperationId>>>>,
}

/// What modules need of the process.
#[derive(Clone)]
struct Wiring {
    handles: Handles,
    /// Where the shop answers, once that is known.
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
    /// Opens the stores of all modules that are in this program, and wires them. Blocks.
    pub(crate) fn open(config: &Config) -> Result<Self, Failure> {
        let built: Vec<_> = ModuleName::ALL.into_iter().filter(|module| module.is_built_in()).collect();
        Self::open_only(config, &built, &Places::of_data(config)?)
    }

    /// Opens the stores of some modules and wires them; the others' handles are vacant. Blocks.
    pub(crate) fn open_only(
        config: &Config,
        wanted: &[ModuleName],
        places: &Places,
    ) -> Result<Self, Failure> {
        let missing = wanted.iter().filter(|module| !module.is_built_in());
        let missing: Vec<_> = missing.map(|module| module.as_str()).collect();
        if !missing.is_empty() {
            return Err(Failure::Config(format!(
                "this program was built without {}; it can be a node of a home: --modules MODULES --home URL",
                missing.join(", ")
            )));
        }
        let handles =
            Handles { users: Handle::vacant(), products: Handle::vacant(), orders: Handle::vacant() };
        let wiring = Wiring { handles, base_url: Arc::new(OnceLock::new()) };
        let store = |module: ModuleName| match wanted.contains(&module) {
            true => places.settings(config, module).map(Some),
            false => Ok(None),
        };
        let (user, product, order) =
            (store(ModuleName::User)?, store(ModuleName::Product)?, store(ModuleName::Order)?);
        // Three stores, three threads: opening one mostly waits for the disk.
        let wiring_ref = &wiring;
        let (user, product, order) = std::thread::scope(|scope| {
            let user = user.map(|store| scope.spawn(move || user::Hosted::open(config, &store, wiring_ref)));
            let product =
                product.map(|store| scope.spawn(move || product::Hosted::open(config, &store, wiring_ref)));
            let order = order.map(|store| order::Hosted::open(config, &store, wiring_ref));
            (user.map(joined), product.map(joined), order)
        });
        let host = Self {
            user: user.transpose()?,
            product: product.transpose()?,
            order: order.transpose()?,
            wiring,
            workers: Arc::default(),
            attached: Arc::default(),
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
            ModuleName::User => self.user.as_ref()?.module(),
            ModuleName::Product => self.product.as_ref()?.module(),
            ModuleName::Order => self.order.as_ref()?.module(),
        })
    }

    /// Opens a module's store at `place`, or leaves it nowhere. What is opened is taken up at once; what was begun at another
    /// place ends there. A store that is opened `under` a handover, before it is owned, is another one under the next.
    pub(crate) async fn attach(
        &self,
        module: ModuleName,
        place: Option<Place>,
        under: Option<OperationId>,
    ) -> Result<(), Failure> {
        let Some(hosted) = self.module(module) else { return Ok(()) };
        let before = self.attached.lock().unwrap_or_else(PoisonError::into_inner).insert(module, under);
        let another = under.is_some() && before.flatten().is_some_and(|before| Some(before) != under);
        if hosted.store().place() == place && !another {
            return Ok(());
        }
        let store = hosted.store().clone();
        let opened = tokio::task::spawn_blocking(move || match place {
            Some(place) => {
                if another {
                    store.close();
                }
                store.attach(place)
            }
            None => {
                store.close();
                Ok(())
            }
        });
        opened.await.map_err(|_panic| Failure::Other(anyhow::anyhow!("opening a store panicked")))??;
        let Some(place) = hosted.store().place() else { return Ok(()) };
        if let Err(error) = hosted.attached().await {
            // So that the next attempt begins anew.
            self.give_up(module, Some(place)).await;
            return Err(anyhow::Error::from(error).into());
        }
        Ok(())
    }

    /// Closes a module's store, if it is still open at `place`.
    pub(crate) async fn give_up(&self, module: ModuleName, place: Option<Place>) {
        let Some(hosted) = self.module(module) else { return };
        let store = hosted.store().clone();
        let Some(place) = place else { return };
        let closed = tokio::task::spawn_blocking(move || store.close_at(&place));
        if closed.await.is_err() {
            log::error!("closing the store of {module} panicked");
        }
    }

    /// Sends calls to a module to the one that is here. `None` if it is not.
    pub(crate) fn call_here(&self, module: ModuleName) -> Option<Retired> {
        Some(match module {
            ModuleName::User => self.wiring.handles.users.place(self.user.as_ref()?.contract()),
            ModuleName::Product => self.wiring.handles.products.place(self.product.as_ref()?.contract()),
            ModuleName::Order => self.wiring.handles.orders.place(self.order.as_ref()?.contract()),
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
            ModuleName::User => place(&self.wiring.handles.users, transport, epoch),
            ModuleName::Product => place(&self.wiring.handles.products, transport, epoch),
            ModuleName::Order => place(&self.wiring.handles.orders, transport, epoch),
        }
    }

    /// Lets calls to a module wait, until the second part of the answer is told where they go.
    pub(crate) fn park_calls(&self, module: ModuleName) -> (Retired, Parking) {
        let (parked, parking) = Parked::begin();
        (self.call_at(module, Arc::new(parked), Epoch::new(1)), parking)
    }

    /// Lets calls go that waited, to where the module is called now.
    pub(crate) fn release_calls(&self, module: ModuleName, parking: Parking, epoch: u64) {
        parking.release(Arc::new(Loopback::to(self.endpoint(module, Epoch::new(epoch)))), epoch);
    }

    /// What answers other processes' calls to a module: the module if it is here, or else whatever its handle leads to.
    pub(crate) fn endpoint(&self, module: ModuleName, epoch: Epoch) -> Endpoint {
        match module {
            ModuleName::User => Endpoint::of_handle(self.wiring.handles.users.clone(), epoch),
            ModuleName::Product => Endpoint::of_handle(self.wiring.handles.products.clone(), epoch),
            ModuleName::Order => Endpoint::of_handle(self.wiring.handles.orders.clone(), epoch),
        }
    }

    /// As [`Host::endpoint`], for calls that are answered by the module here even while others wait: whoever sent them is waited
    /// for. `None` if it is not here.
    pub(crate) fn endpoint_here(&self, module: ModuleName, epoch: Epoch) -> Option<Endpoint> {
        Some(match module {
            ModuleName::User => Endpoint::of::<dyn Users>(self.user.as_ref()?.contract(), epoch),
            ModuleName::Product => Endpoint::of::<dyn Products>(self.product.as_ref()?.contract(), epoch),
            ModuleName::Order => Endpoint::of::<dyn Orders>(self.order.as_ref()?.contract(), epoch),
        })
    }

    /// What the modules are called by, wherever they run.
    pub(crate) fn handles(&self) -> Handles {
        self.wiring.handles.clone()
    }

    /// What verifies access tokens.
    pub(crate) fn verifier(&self) -> Verifier {
        Verifier::new(Arc::new(UserKeys(self.wiring.handles.users.clone())))
    }

    /// Tells the modules where this process answers.
    pub(crate) fn listens_at(&self, base_url: String) {
        // Told once; the first holds.
        self.wiring.base_url.get_or_init(|| base_url);
    }

    /// Fills an empty catalogue and creates the demo accounts that do not exist.
    pub(crate) async fn seed(&self, products: Option<u32>) -> Result<(), Failure> {
        // What has moved to nodes of its own was seeded before it went.
        let open = |module: &dyn Module| module.store().place().is_some();
        if let Some(product) = self.product.as_ref().filter(|product| open(product.module())) {
            product.seed_catalogue(products).await?;
        }
        if let Some(user) = self.user.as_ref().filter(|user| open(user.module())) {
            user.seed_accounts().await?;
        }
        Ok(())
    }

    /// Gives an account a staff role. Gives its id.
    pub(crate) async fn grant(&self, email: &str, role: Role) -> Result<String, Failure> {
        self.user.as_ref().ok_or_else(|| not_here(ModuleName::User))?.grant(email, role).await
    }

    /// Makes the orders anew from their events. Gives their number.
    pub(crate) async fn rebuild_orders(&self) -> Result<u64, Failure> {
        self.order.as_ref().ok_or_else(|| not_here(ModuleName::Order))?.rebuild().await
    }

    /// Ends the background work, gives up leases and closes the stores, in this order.
    pub(crate) async fn stop(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        for module in ModuleName::ALL {
            let stopped = self.stop_work(module, deadline).await;
            // Whoever was stopping the work may have been stopped in the middle of it.
            let left = self.module(module).filter(|hosted| !stopped && hosted.store().place().is_some());
            if let Some(hosted) = left {
                hosted.release().await;
            }
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

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T, Failure>>) -> Result<T, Failure> {
    match thread.join() {
        Ok(opened) => opened,
        Err(_panic) => Err(Failure::Other(anyhow::anyhow!("opening a module panicked"))),
    }
}

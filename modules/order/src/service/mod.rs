//! The module's use cases: what its routes, its contract and its worker call.

mod carts;
mod checkout;
mod orders;
pub(crate) mod payments;
mod runner;
mod secret;
mod telling;

use std::sync::{Arc, OnceLock};

use kernel::http::Cursors;
use kernel::store::Store;
use kernel::{CallContext, Money, OrderId, Principal, UserId, VariantId};
use product_contract::{Products, VariantSummary};
use seam::Handle;
use tokio::sync::{Notify, Semaphore, broadcast};
use user_contract::Users;

use crate::error::Error;
use crate::settings::Settings;
use crate::store::carts::CartRow;
use payments::{PaymentProvider, TestProvider};

pub(crate) use checkout::{Checkout, PaymentChoice};
pub(crate) use orders::{OrderView, SagaView};

/// What the order module needs of others.
#[derive(Clone)]
pub struct Needs {
    /// Accounts: a buyer's address.
    pub users: Handle<dyn Users>,
    /// Variants, prices, stock.
    pub products: Handle<dyn Products>,
    /// Where this process answers, known once it listens. The test provider sends its webhooks there.
    pub base_url: Arc<OnceLock<String>>,
}

/// The use cases. Clones share everything.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    settings: Settings,
    users: Handle<dyn Users>,
    products: Handle<dyn Products>,
    test_provider: Option<Arc<TestProvider>>,
    /// Names this process in leases.
    runner: String,
    /// A place for each saga that may run here at a time.
    room: Arc<Semaphore>,
    /// Tells the worker that a saga is due.
    due: Arc<Notify>,
    /// Tells the worker that other modules are to be told something.
    told: Arc<Notify>,
    /// Names the orders whose sagas took a step here, for those who wait for one.
    steps: broadcast::Sender<OrderId>,
}

/// Who wants something of a cart or an order.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    /// The account, if somebody logged in.
    pub user: Option<Principal>,
    /// SHA-256 of the guest's secret, if the request had one.
    guest_hash: Option<String>,
}

/// A cart as its owner sees it.
#[derive(Debug, Clone)]
pub(crate) struct CartView {
    pub(crate) cart: CartRow,
    pub(crate) items: Vec<CartItem>,
    /// What the items cost now; `None` while the product module does not answer or something is not sold.
    pub(crate) total: Option<Money>,
}

/// An item with what is known of its variant.
#[derive(Debug, Clone)]
pub(crate) struct CartItem {
    pub(crate) variant_id: VariantId,
    pub(crate) quantity: i64,
    pub(crate) variant: Option<VariantSummary>,
}

// === impl Service ===

impl Service {
    pub(crate) fn new(store: Store, settings: Settings, needs: Needs) -> Self {
        let test_provider =
            settings.test_provider.then(|| Arc::new(TestProvider::new(store.clone(), needs.base_url)));
        let inner = Inner {
            store,
            settings,
            users: needs.users,
            products: needs.products,
            test_provider,
            runner: secret::fresh(),
            room: Arc::new(Semaphore::new(usize::try_from(runner::AT_ONCE).unwrap_or(1))),
            due: Arc::new(Notify::new()),
            told: Arc::new(Notify::new()),
            steps: broadcast::Sender::new(256),
        };
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn cursors(&self) -> Cursors {
        Cursors::of(&self.inner.store)
    }

    pub(crate) fn test_provider(&self) -> Option<&Arc<TestProvider>> {
        self.inner.test_provider.as_ref()
    }

    /// The provider of that name, if this shop takes its payments.
    pub(crate) fn provider(&self, name: &str) -> Option<Arc<dyn PaymentProvider>> {
        let test = self.inner.test_provider.clone()?;
        if test.name() == name { Some(test) } else { None }
    }

    pub(crate) fn due(&self) -> &Arc<Notify> {
        &self.inner.due
    }

    pub(crate) fn told(&self) -> &Arc<Notify> {
        &self.inner.told
    }

    async fn variants(
        &self,
        context: &CallContext,
        ids: Vec<VariantId>,
        currency: kernel::Currency,
    ) -> Result<Vec<VariantSummary>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let request = product_contract::GetVariants { ids, currency };
        Ok(self.inner.products.enter()?.get_variants(context.clone(), request).await?)
    }

    fn user_id_of(visitor: &Visitor) -> Option<UserId> {
        visitor.user.as_ref().map(|user| user.user_id)
    }
}

// === impl Visitor ===

impl Visitor {
    /// Somebody with a login, a guest's secret, both or neither.
    pub fn new(user: Option<Principal>, guest_token: Option<&str>) -> Self {
        Self { user, guest_hash: guest_token.map(secret::hash) }
    }

    /// Whether the visitor is the user or the guest who owns something.
    fn owns(&self, user_id: Option<UserId>, guest_hash: Option<&str>) -> bool {
        match (user_id, guest_hash) {
            (Some(owner), _) => self.user.as_ref().is_some_and(|user| user.user_id == owner),
            (None, Some(hash)) => self.guest_hash.as_deref() == Some(hash),
            (None, None) => false,
        }
    }
}

/// An order's id and its fold.
pub(crate) type Known = (OrderId, crate::domain::order::Order);

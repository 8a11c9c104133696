//! The contract of the order module.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use actix_web::{App, web};
use kernel::auth::{KeySource, Verifier};
use kernel::store::StoreSettings;
use kernel::{CallError, CartId, Module as _, ProductId, PublicKey, UserId};
use order::{Needs, OrderModule, Settings};
use order_contract::{CartSummary, ClaimCart, HasBought, OrderError, Orders};
use product_contract::ProductName;
use seam::Handle;
use serde_json::{Value, json};
use system_tests::engine::TestStore;
use system_tests::wait::until;
use user_contract::Users;
use utoipa_actix_web::AppExt as _;

use crate::alike;
use crate::runner::{Runner, context, under_every_runner};
use crate::{products, users};

under_every_runner!(carts_are_claimed_and_purchases_known);

async fn carts_are_claimed_and_purchases_known(runner: Runner) {
    let shop = Shop::open().await;
    let bought = shop.buy().await;
    let (guest_cart, guest_token) = shop.guest_cart().await;
    let place = runner.place(shop.order.contract(), &shop.store.url());
    let orders = &place.handle;

    assert_eq!(has_bought(orders, bought).await, Ok(true));
    assert_eq!(has_bought(orders, HasBought { product_id: ProductId::new(), ..bought }).await, Ok(false));
    assert_eq!(has_bought(orders, HasBought { user_id: UserId::new(), ..bought }).await, Ok(false));

    let summary = async |user_id| orders.enter()?.get_cart_summary(context(), user_id).await;
    assert_eq!(summary(bought.user_id).await, Ok(CartSummary::default()));

    let claim = ClaimCart { user_id: bought.user_id, guest_token };
    for _ in 0..2 {
        assert_eq!(claim_cart(orders, claim.clone()).await, Ok(guest_cart));
    }
    shop.fill_cart(bought, 3).await;
    assert_eq!(summary(bought.user_id).await, Ok(CartSummary { lines: 1, units: 3 }));
    assert_eq!(summary(UserId::new()).await, Ok(CartSummary::default()));
    let none = Err(CallError::Refused(OrderError::CartNotFound));
    assert_eq!(claim_cart(orders, ClaimCart { user_id: UserId::new(), ..claim.clone() }).await, none);
    assert_eq!(claim_cart(orders, ClaimCart { guest_token: "nobody's".to_owned(), ..claim }).await, none);

    alike::fails_alike(runner, place, &shop.store.url(), async |orders, context| {
        orders.enter()?.has_bought(context, bought).await.map(drop)
    })
    .await;
    shop.close().await;
}

type Outcome<T> = Result<T, CallError<OrderError>>;

async fn has_bought(orders: &Handle<dyn Orders>, request: HasBought) -> Outcome<bool> {
    orders.enter()?.has_bought(context(), request).await
}

async fn claim_cart(orders: &Handle<dyn Orders>, request: ClaimCart) -> Outcome<CartId> {
    orders.enter()?.claim_cart(context(), request).await
}

/// The three modules in this process, and the order module's routes.
struct Shop {
    store: TestStore,
    order: OrderModule,
    product: product::ProductModule,
    user: user::UserModule,
    workers: Vec<kernel::worker::Worker>,
    _stores: [TestStore; 2],
}

struct Keys(Handle<dyn Users>);

#[async_trait::async_trait]
impl KeySource for Keys {
    async fn public_keys(&self) -> Option<Vec<PublicKey>> {
        self.0.enter().ok()?.public_keys(context(), ()).await.ok()
    }
}

// === impl Shop ===

impl Shop {
    async fn open() -> Self {
        let (store, user_store, product_store) =
            (TestStore::sqlite(), TestStore::sqlite(), TestStore::sqlite());
        let (user, product) = (users::open(&user_store), products::open(&product_store));
        let needs = Needs {
            users: Handle::to(user.contract()),
            products: Handle::to(product.contract()),
            base_url: Arc::new(OnceLock::new()),
        };
        let order = OrderModule::open(Settings::default(), &StoreSettings::new(store.url()), needs).unwrap();
        let workers = order.start();
        Self { store, order, product, user, workers, _stores: [user_store, product_store] }
    }

    /// Somebody buys something, and the order is confirmed.
    async fn buy(&self) -> HasBought {
        let user_id = users::register(&self.user).await;
        let token = users::log_in(&self.user).await;
        let variant = products::variant(&self.product, "tea", 5).await;
        let found = products::get(&Handle::to(self.product.contract()), vec![variant]).await.unwrap();
        let asked = HasBought { user_id, product_id: found[0].product_id };
        let cart = self.send(Method::POST, "/api/v1/carts", Some(&token), json!({})).await;
        let cart = format!("/api/v1/carts/{}", cart["id"].as_str().unwrap());
        let item = format!("{cart}/items/{variant}");
        self.send(Method::PUT, &item, Some(&token), json!({"quantity": 1})).await;
        let payment = json!({"payment": {"provider": "test", "token": "ok"}});
        self.send(Method::POST, &format!("{cart}/checkout"), Some(&token), payment).await;
        let orders = Handle::to(self.order.contract());
        until(Duration::from_secs(20), "the order to be confirmed", async || {
            (has_bought(&orders, asked).await == Ok(true)).then_some(asked)
        })
        .await
    }

    /// Puts so many units of what was bought in the buyer's cart.
    async fn fill_cart(&self, bought: HasBought, units: i64) {
        let token = users::log_in(&self.user).await;
        let product = ProductName(bought.product_id.to_string());
        let product = self.product.contract().get_product(context(), product).await.unwrap();
        let cart = self.send(Method::POST, "/api/v1/carts", Some(&token), json!({})).await;
        let item = format!("/api/v1/carts/{}/items/{}", cart["id"].as_str().unwrap(), product.variants[0].id);
        self.send(Method::PUT, &item, Some(&token), json!({"quantity": units})).await;
    }

    /// A guest's cart and its secret.
    async fn guest_cart(&self) -> (CartId, String) {
        let cart = self.send(Method::POST, "/api/v1/carts", None, json!({})).await;
        (cart["id"].as_str().unwrap().parse().unwrap(), cart["guest_token"].as_str().unwrap().to_owned())
    }

    /// Sends a request to the module's routes; it must be taken.
    async fn send(&self, method: Method, path: &str, token: Option<&str>, body: Value) -> Value {
        let verifier = Verifier::new(Arc::new(Keys(Handle::to(self.user.contract()))));
        let (app, _) =
            App::new().into_utoipa_app().configure(|config| self.order.routes(config)).split_for_parts();
        let app = init_service(app.app_data(web::Data::new(verifier))).await;
        let mut request = TestRequest::with_uri(path).method(method).set_json(body);
        request = request.insert_header(("idempotency-key", system_tests::shop::fresh_key()));
        if let Some(token) = token {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        }
        let response = call_service(&app, request.to_request()).await;
        let status = response.status();
        let body: Value = read_body_json(response).await;
        assert!(status.is_success(), "{path}: {status}: {body}");
        body
    }

    async fn close(self) {
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        for worker in self.workers {
            worker.stop(deadline).await;
        }
    }
}

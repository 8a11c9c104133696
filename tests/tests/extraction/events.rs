//! What the order module tells the product module, wherever the two are.

use std::time::Duration;

use diesel::prelude::*;
use serde_json::{Value, json};
use system_tests::client::Response;
use system_tests::operator::{order, run};
use system_tests::server::{Server, ServerOptions};
use system_tests::shop::{Article, Person, Shop, fresh_key};
use system_tests::wait::until;

use crate::moving::{bring_back, complete, take_out};

const SOON: Duration = Duration::from_secs(30);

diesel::table! {
    event_positions (name) {
        name -> Text,
        sequence -> BigInt,
    }
}

/// How far a stream is, by the store of `module`.
fn position(shop: &Shop, module: &str, name: &str) -> i64 {
    let (data, file) = (shop.server.data_dir(), format!("{module}.db"));
    let moved = data.join("moved").join(&file);
    let path = if moved.exists() { moved } else { data.join(file) };
    let mut store = SqliteConnection::establish(path.to_str().expect("a path")).expect("the store opens");
    let position = event_positions::table.find(name).select(event_positions::sequence);
    position.first(&mut store).optional().expect("a position").unwrap_or(0)
}

/// Waits until the product module has been told of so many confirmed orders, and is told nothing twice.
async fn told(shop: &Shop, orders: i64) {
    until(SOON, "the product module to be told", async || {
        (position(shop, "product", "from:order") >= orders && position(shop, "order", "to:product") >= orders)
            .then_some(())
    })
    .await;
    let positions = ["published", "to:product"].map(|name| position(shop, "order", name));
    assert_eq!((positions, position(shop, "product", "from:order")), ([orders, orders], orders));
}

async fn buy(shop: &Shop, person: &Person, article: &Article) {
    let bought = shop.buy(person, article, "ok").await;
    shop.settled(person, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
}

async fn review(shop: &Shop, person: &Person, article: &Article) -> Response {
    let path = format!("/api/v1/products/{}/reviews", article.product_id);
    let review: Value = json!({"rating": 5, "title": "Fine", "body": "It works."});
    shop.client.post(&path).bearer(&person.token).key(&fresh_key()).json(&review).send().await
}

/// A node that home does not start again.
async fn peel_to_a_node_of_our_own(shop: &Shop, module: &str) -> Server {
    let options = ServerOptions::default().data_dir(shop.server.data_dir());
    let options = options.argument("--modules").argument(module).argument("--home");
    let node = Server::start_with(options.argument(shop.server.base_url()));
    let extract = ["extract", module, "--to", node.base_url(), "--weights", "100", "--hold", "0ms"];
    until(SOON, "the node to join", async || (run(&shop.server, &extract).code == 0).then_some(())).await;
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn events_follow_both_modules_wherever_they_go() {
    let shop = Shop::open();
    let (person, article) = (shop.somebody().await, shop.article(10).await);
    let out = |module| {
        order(&shop.server, &["extract", module, "--spawn", "--weights", "100", "--hold", "0ms"]);
    };
    buy(&shop, &person, &article).await;
    told(&shop, 1).await;
    out("order");
    buy(&shop, &person, &article).await;
    told(&shop, 2).await;
    out("product");
    buy(&shop, &person, &article).await;
    told(&shop, 3).await;
    order(&shop.server, &["rollback", "order"]);
    buy(&shop, &person, &article).await;
    told(&shop, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_were_told_and_not_told_go_along_with_the_data() {
    let shop = Shop::open();
    let (person, article) = (shop.somebody().await, shop.article(10).await);
    buy(&shop, &person, &article).await;
    told(&shop, 1).await;
    take_out(&shop, "order");
    buy(&shop, &person, &article).await;
    told(&shop, 2).await;
    // What was not told when the listener went is told where it is now, and what was told is not told again.
    tokio::join!(buy(&shop, &person, &article), async { take_out(&shop, "product") });
    told(&shop, 3).await;
    bring_back(&shop, "order");
    complete(&shop, "order");
    buy(&shop, &person, &article).await;
    told(&shop, 4).await;
    bring_back(&shop, "product");
    complete(&shop, "product");
    buy(&shop, &person, &article).await;
    told(&shop, 5).await;
    review(&shop, &person, &article).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_bought_can_review_although_the_order_module_is_dead() {
    let shop = Shop::open();
    let (buyer, stranger, article) = (shop.somebody().await, shop.somebody().await, shop.article(5).await);
    let mut node = peel_to_a_node_of_our_own(&shop, "order").await;
    buy(&shop, &buyer, &article).await;
    told(&shop, 1).await;
    node.kill();
    review(&shop, &buyer, &article).await.expect(201);
    // Of the other nobody knows: that is no reason to say that they have not bought it.
    let unknown = review(&shop, &stranger, &article).await.expect(503);
    assert_eq!(unknown.error_code(), "MODULE_UNAVAILABLE");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_given_it_back_has_not_bought_it() {
    let shop = Shop::open();
    let (person, article) = (shop.somebody().await, shop.article(5).await);
    order(&shop.server, &["extract", "order", "--spawn", "--weights", "100", "--hold", "0ms"]);
    let bought = shop.buy(&person, &article, "ok").await;
    let bought = bought["id"].as_str().expect("an id");
    shop.settled(&person, bought, &["confirmed"]).await;
    let cancel = shop.client.post(&format!("/api/v1/orders/{bought}/cancel")).bearer(&person.token);
    let cancel = cancel.key(&fresh_key()).json(&json!({"reason": "changed my mind"}));
    assert!(cancel.send().await.status < 300);
    shop.settled(&person, bought, &["cancelled"]).await;
    told(&shop, 2).await;
    assert_eq!(review(&shop, &person, &article).await.expect(422).error_code(), "REVIEW_NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_product_module_was_dead_is_told_when_it_is_back() {
    let shop = Shop::open();
    let (person, article) = (shop.somebody().await, shop.article(5).await);
    order(&shop.server, &["extract", "product", "--spawn", "--weights", "100", "--hold", "0ms"]);
    buy(&shop, &person, &article).await;
    shop.server.kill_spawned();
    // Its node is started again; meanwhile checkouts wait for stock, which is the product module's.
    until(SOON, "products to be answered", async || {
        let products = shop.client.get("/api/v1/products").send().await;
        (products.status == 200).then_some(())
    })
    .await;
    buy(&shop, &person, &article).await;
    told(&shop, 2).await;
}

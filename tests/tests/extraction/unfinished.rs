//! What was begun at one place and is ended at the other: sagas half-way, steps that were taken and not noted, timers that ran out
//! while nobody looked.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use system_tests::operator::{Desk as Operator, run};
use system_tests::server::{Server, ServerOptions};
use system_tests::shop::{Article, Person, Shop, fresh_key};
use system_tests::wait::until;

use crate::books;
use crate::moving::{bring_back, complete, elsewhere, leaves_nothing, take_out};

const SOON: Duration = Duration::from_secs(60);

/// Nothing is polled, and no lease runs out by itself: what goes on does so because it moved.
fn calm() -> ServerOptions {
    ServerOptions::default()
        .setting("BANYAN__ORDER__POLL_SECONDS", "3600")
        .setting("BANYAN__ORDER__LEASE_SECONDS", "600")
        .setting("BANYAN__ORDER__RETRY_MILLISECONDS", "20")
}

fn id(order: &Value) -> &str {
    order["id"].as_str().expect("an id")
}

/// Checks out and does not wait.
async fn begin(shop: &Shop, person: &Person, article: &Article, token: &str) -> String {
    let cart = shop.cart_with(person, article, 1).await;
    let body = json!({"payment": {"provider": "test", "token": token}});
    let path = format!("/api/v1/carts/{cart}/checkout");
    let placed = shop.client.post(&path).bearer(&person.token).key(&fresh_key()).json(&body).send().await;
    id(&placed.expect(202).body).to_owned()
}

/// The buyer's decision, on the provider's page.
async fn approve(shop: &Shop, order: &Value) {
    let page = order["payments"][0]["next_action"]["redirect_url"].as_str().expect("a page");
    let page = page.strip_prefix(shop.server.base_url()).expect("a page of this shop");
    let form = shop.client.post(page).raw("application/x-www-form-urlencoded", "decision=approve".to_owned());
    form.send().await.expect(303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purchase_that_waits_for_its_buyer_is_ended_where_orders_and_stock_are_by_then() {
    let shop = Shop::open_with(calm());
    let (person, article) = (shop.somebody().await, shop.article(5).await);
    let first = shop.buy(&person, &article, "requires_action").await;
    // The hold moves with the stock, the saga and the provider's books with the orders.
    take_out(&shop, "product");
    take_out(&shop, "order");
    let second = shop.buy(&person, &article, "requires_action").await;
    assert_eq!(shop.available(&article).await, 3, "both are held");
    approve(&shop, &first).await;
    shop.settled(&person, id(&first), &["confirmed"]).await;
    bring_back(&shop, "order");
    bring_back(&shop, "product");
    approve(&shop, &second).await;
    shop.settled(&person, id(&second), &["confirmed"]).await;
    assert_eq!(shop.available(&article).await, 3);
    complete(&shop, "order");
    complete(&shop, "product");
    leaves_nothing(&shop, "order");
    leaves_nothing(&shop, "product");
    books::settle(&shop).await;
}

/// A node of the test's own, which halts nowhere.
fn own_node(shop: &Shop, module: &str) -> Server {
    let options = calm().data_dir(shop.server.data_dir());
    let options = options.argument("--modules").argument(module).argument("--home");
    Server::start_with(options.argument(shop.server.base_url()))
}

/// At home a saga has taken this step, holds its lease and goes no further.
async fn is_gone_on_with_after(step: &str) {
    let point = format!("order.saga.taken.{step}");
    let shop = Shop::open_with(calm().setting("BANYAN__TESTING__HALT_AT", &point));
    let (person, article) = (shop.somebody().await, shop.article(5).await);
    let order = begin(&shop, &person, &article, "ok").await;
    shop.server.wait_for_log(&format!("halted at {point}"), SOON);
    let node = own_node(&shop, "order");
    let store = elsewhere(&shop, "order");
    let extract = ["extract", "order", "--to", node.base_url(), "--data", "move", "--store", &store];
    let extract: Vec<&str> = extract.into_iter().chain(["--max-pause", "4s"]).collect();
    until(SOON, "the module to be out", async || {
        tokio::task::block_in_place(|| run(&shop.server, &extract).code == 0).then_some(())
    })
    .await;
    // The lease is of an earlier epoch: nobody waits ten minutes for it.
    let confirmed = shop.settled(&person, &order, &["confirmed"]).await;
    assert_eq!(confirmed["payments"][0]["captured"]["amount"], article.price, "{confirmed}");
    assert_eq!(shop.available(&article).await, 4);
    let undo = shop.client.post(&format!("/api/v1/orders/{order}/cancel")).bearer(&person.token);
    undo.key(&fresh_key()).json(&json!({"reason": "changed my mind"})).send().await.expect(202);
    shop.settled(&person, &order, &["cancelled"]).await;
    assert_eq!(shop.available(&article).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn stock_that_was_reserved_and_not_noted_before_the_switch_is_sold_once() {
    is_gone_on_with_after("reserve_stock").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_was_taken_and_not_noted_before_the_switch_is_taken_once() {
    is_gone_on_with_after("capture_payment").await;
}

/// Whether nobody has the store's lock.
fn is_free(store: &std::path::Path) -> bool {
    let mut other = system_tests::raw::open(store);
    let taken = other.batch_execute("PRAGMA busy_timeout = 0; BEGIN IMMEDIATE");
    taken.is_ok() && other.batch_execute("ROLLBACK").is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_stopped_in_the_middle_of_its_work_ends_none_of_it_afterwards() {
    const ORDERS: usize = 12;
    let shop = Shop::open_with(calm());
    let article = shop.article(100).await;
    take_out(&shop, "order");
    let mut carts = Vec::new();
    for _ in 0..ORDERS {
        let person = shop.somebody().await;
        carts.push((shop.cart_with(&person, &article, 1).await, person));
    }
    let mut orders = Vec::new();
    for (cart, person) in &carts {
        let body = json!({"payment": {"provider": "test", "token": "ok"}});
        let placed = shop.client.post(&format!("/api/v1/carts/{cart}/checkout")).bearer(&person.token);
        orders.push(id(&placed.key(&fresh_key()).json(&body).send().await.expect(202).body).to_owned());
    }
    // It has claimed some, and is in the middle of them. Whoever is stopped in the middle of a transaction keeps the store's lock,
    // and nobody can do anything before that process ends; so not there.
    until(SOON, "the node to be stopped between two transactions", async || {
        shop.server.freeze_spawned(true);
        let free = is_free(&shop.server.data_dir().join("moved/order.db"));
        shop.server.freeze_spawned(free);
        free.then_some(())
    })
    .await;
    let operator = Operator::of(&shop.server);
    until(SOON, "the node to be taken for dead", async || {
        let status = operator.get("/_admin/status").send().await.body;
        (status["nodes"][0]["alive"] == false).then_some(())
    })
    .await;
    bring_back(&shop, "order");
    for (order, (_, person)) in orders.iter().zip(&carts) {
        shop.settled(person, order, &["confirmed"]).await;
    }
    shop.server.freeze_spawned(false);
    complete(&shop, "order");
    until(SOON, "the node to end", async || shop.server.spawned().is_empty().then_some(())).await;
    books::settle(&shop).await;
    assert_eq!(shop.available(&article).await, 100 - i64::try_from(ORDERS).expect("few"));
    leaves_nothing(&shop, "order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_that_runs_out_during_the_switch_goes_off_at_the_new_place() {
    let options = calm().setting("BANYAN__ORDER__PAYMENT_SECONDS", "4");
    let mut shop = Shop::open_with(options.setting("BANYAN__TESTING__HALT_AT", "committed"));
    let (person, article) = (shop.somebody().await, shop.article(3).await);
    let order = shop.buy(&person, &article, "requires_action").await;
    let operator = Operator::of(&shop.server);
    let body = json!({"module": "order", "weights": [100], "hold_ms": 0, "store": elsewhere(&shop, "order")});
    operator.post("/_admin/extract").json(&body).send().await.expect(202);
    shop.server.wait_for_log("halted at committed", SOON);
    shop.server.kill();
    let due = order["pay_until"].as_str().expect("a time").to_owned();
    until(SOON, "the time to pay to be over", async || {
        (kernel::Timestamp::now().to_string() > due).then_some(())
    })
    .await;
    let address = shop.server.address().to_owned();
    shop.reopen(shop.server.options().listen(&address).setting("BANYAN__TESTING__HALT_AT", ""));
    let ended = shop.settled(&person, id(&order), &["expired"]).await;
    assert_eq!(ended["payment_status"], "voided");
    assert_eq!(shop.available(&article).await, 3);
    let now = operator.try_status("order").await.expect("a status");
    assert_eq!(now["placement"], "node", "{now}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_after_the_switch_gets_the_answer_from_before_it() {
    let shop = Shop::open();
    let (person, article) = (shop.somebody().await, shop.article(5).await);
    let cart = shop.cart_with(&person, &article, 1).await;
    let (path, key) = (format!("/api/v1/carts/{cart}/checkout"), fresh_key());
    let check_out = || {
        let body = json!({"payment": {"provider": "test", "token": "ok"}});
        shop.client.post(&path).bearer(&person.token).key(&key).json(&body).send()
    };
    let first = check_out().await.expect(202);
    shop.settled(&person, id(&first.body), &["confirmed"]).await;
    take_out(&shop, "order");
    assert_eq!(check_out().await.expect(202).text, first.text);
    bring_back(&shop, "order");
    assert_eq!(check_out().await.expect(202).text, first.text);
    complete(&shop, "order");
    assert_eq!(shop.available(&article).await, 4, "it was sold once");
    books::settle(&shop).await;
}

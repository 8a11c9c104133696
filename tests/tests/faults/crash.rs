//! kill -9 between any two steps of the saga, then a restart: the order ends as if nothing had happened, and is charged once.

use std::time::Duration;

use serde_json::{Value, json};
use system_tests::server::ServerOptions;
use system_tests::shop::{Article, Person, Shop, fresh_key};

fn options() -> ServerOptions {
    // A dead process's leases run out quickly.
    ServerOptions::default()
        .setting("BANYAN__ORDER__LEASE_SECONDS", "2")
        .setting("BANYAN__ORDER__RETRY_MILLISECONDS", "20")
}

/// A shop whose sagas halt at `point`, with an article and a buyer.
async fn halting(point: &str) -> (Shop, Person, Article, ServerOptions) {
    let mut shop = Shop::open_with(options());
    let article = shop.article(5).await;
    let person = shop.somebody().await;
    let calm = shop.server.options();
    assert!(shop.server.terminate().success());
    shop.reopen(calm.clone().setting("BANYAN__TESTING__HALT_AT", point));
    (shop, person, article, calm)
}

async fn place(shop: &Shop, person: &Person, article: &Article, token: &str) -> String {
    let cart = shop.cart_with(person, article, 1).await;
    let body = json!({"payment": {"provider": "test", "token": token}});
    let request = shop.client.post(&format!("/api/v1/carts/{cart}/checkout")).bearer(&person.token);
    let order = request.key(&fresh_key()).json(&body).send().await.expect(202).body;
    order["id"].as_str().expect("an id").to_owned()
}

/// Halts at `point`, kills, restarts and gives the order once it has ended.
async fn survive(point: &str, token: &str, end: &str) -> (Shop, Article, Value) {
    let (mut shop, person, article, calm) = halting(point).await;
    let order = place(&shop, &person, &article, token).await;
    shop.server.wait_for_log(&format!("halted at {point}"), Duration::from_secs(20));
    shop.server.kill();
    shop.reopen(calm);
    let order = shop.settled(&person, &order, &[end]).await;
    (shop, article, order)
}

/// One charge in the provider's books, whatever happened.
fn charges(shop: &Shop) -> Vec<(String, i64, i64)> {
    use diesel::prelude::*;
    diesel::table! {
        test_payments (reference) {
            reference -> Text,
            state -> Text,
            captured -> BigInt,
            refunded -> BigInt,
        }
    }
    let path = shop.server.data_dir().join("order.db");
    let mut store =
        diesel::SqliteConnection::establish(path.to_str().expect("a path")).expect("the store opens");
    test_payments::table
        .select((test_payments::state, test_payments::captured, test_payments::refunded))
        .load(&mut store)
        .expect("the books can be read")
}

macro_rules! survives_a_crash {
    ($($name:ident: $point:literal, $token:literal => $end:literal, $available:literal, $charges:expr;)+) => {$(
        #[tokio::test]
        async fn $name() {
            let (shop, article, order) = survive($point, $token, $end).await;
            assert_eq!(shop.available(&article).await, $available, "{order}");
            let charges = charges(&shop);
            let charges: Vec<_> = charges.iter().map(|(s, c, r)| (s.as_str(), *c, *r)).collect();
            assert_eq!(charges, $charges, "{order}");
        }
    )+};
}

const CHARGED: [(&str, i64, i64); 1] = [("captured", 1999, 0)];
const DECLINED: [(&str, i64, i64); 1] = [("declined", 0, 0)];

survives_a_crash! {
    before_stock_is_reserved: "order.saga.before.reserve_stock", "ok" => "confirmed", 4, CHARGED;
    after_stock_is_reserved: "order.saga.after.reserve_stock", "ok" => "confirmed", 4, CHARGED;
    before_the_payment_is_made: "order.saga.before.create_payment", "ok" => "confirmed", 4, CHARGED;
    after_the_payment_is_made: "order.saga.after.create_payment", "ok" => "confirmed", 4, CHARGED;
    before_a_lost_answer_is_asked_for: "order.saga.before.ask_payment", "timeout" => "confirmed", 4, CHARGED;
    after_a_lost_answer_was_asked_for: "order.saga.after.ask_payment", "timeout" => "confirmed", 4, CHARGED;
    before_the_stock_is_committed: "order.saga.before.commit_stock", "ok" => "confirmed", 4, CHARGED;
    after_the_stock_is_committed: "order.saga.after.commit_stock", "ok" => "confirmed", 4, CHARGED;
    before_the_money_is_taken: "order.saga.before.capture_payment", "ok" => "confirmed", 4, CHARGED;
    after_the_money_is_taken: "order.saga.after.capture_payment", "ok" => "confirmed", 4, CHARGED;
    before_it_is_confirmed: "order.saga.before.confirm", "ok" => "confirmed", 4, CHARGED;
    before_it_is_given_up: "order.saga.before.give_up", "capture_refused" => "cancelled", 5, DECLINED;
    before_the_stock_is_released: "order.saga.before.release_stock", "capture_refused" => "cancelled", 5, DECLINED;
    after_the_stock_is_released: "order.saga.after.release_stock", "capture_refused" => "cancelled", 5, DECLINED;
    before_it_is_undone: "order.saga.before.finish_undoing", "capture_refused" => "cancelled", 5, DECLINED;
    in_the_middle_of_a_step_taken_and_not_noted: "order.saga.taken.capture_payment", "ok" => "confirmed", 4, CHARGED;
    with_the_payment_made_and_not_noted: "order.saga.taken.create_payment", "ok" => "confirmed", 4, CHARGED;
    with_the_stock_committed_and_not_noted: "order.saga.taken.commit_stock", "ok" => "confirmed", 4, CHARGED;
    with_the_stock_reserved_and_not_noted: "order.saga.taken.reserve_stock", "ok" => "confirmed", 4, CHARGED;
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_refund_gives_the_money_back_once() {
    for point in ["order.saga.before.refund_payment", "order.saga.taken.refund_payment"] {
        let (mut shop, person, article, calm) = halting(point).await;
        let order = place(&shop, &person, &article, "ok").await;
        shop.settled(&person, &order, &["confirmed"]).await;
        let cancel = shop.client.post(&format!("/api/v1/orders/{order}/cancel")).bearer(&person.token);
        cancel.key(&fresh_key()).json(&json!({})).send().await.expect(202);
        shop.server.wait_for_log(&format!("halted at {point}"), Duration::from_secs(20));
        shop.server.kill();
        shop.reopen(calm);
        shop.settled(&person, &order, &["cancelled"]).await;
        assert_eq!(charges(&shop), [("captured".to_owned(), 1999, 1999)]);
        assert_eq!(shop.available(&article).await, 5);
    }
}

#[tokio::test]
async fn an_acknowledged_order_survives_a_kill_at_once() {
    let mut shop = Shop::open_with(options());
    let (person, article) = (shop.somebody().await, shop.article(50).await);
    let mut orders = Vec::new();
    for _ in 0..5 {
        orders.push(place(&shop, &person, &article, "ok").await);
        let calm = shop.server.options();
        shop.server.kill();
        shop.reopen(calm);
    }
    for order in &orders {
        shop.settled(&person, order, &["confirmed"]).await;
    }
    assert_eq!(charges(&shop).len(), orders.len());
    assert_eq!(shop.available(&article).await, 45);
}

//! kill -9 while events are on their way: after a restart each has arrived, once.

use std::time::Duration;

use diesel::prelude::*;
use system_tests::server::ServerOptions;
use system_tests::shop::Shop;
use system_tests::wait::until;

diesel::table! {
    event_positions (name) {
        name -> Text,
        sequence -> BigInt,
    }
}

diesel::table! {
    purchases (user_id, product_id, order_id) {
        user_id -> Text,
        product_id -> Text,
        order_id -> Text,
    }
}

fn store(shop: &Shop, module: &str) -> SqliteConnection {
    let path = shop.server.data_dir().join(format!("{module}.db"));
    system_tests::raw::open(&path)
}

fn position(shop: &Shop, module: &str, name: &str) -> i64 {
    let position = event_positions::table.find(name).select(event_positions::sequence);
    position.first(&mut store(shop, module)).optional().expect("a position").unwrap_or(0)
}

async fn survives(point: &str) {
    let calm = ServerOptions::default().setting("BANYAN__ORDER__LEASE_SECONDS", "2");
    let mut shop = Shop::open_with(calm);
    let (person, article) = (shop.somebody().await, shop.article(5).await);
    let calm = shop.server.options();
    assert!(shop.server.terminate().success());
    shop.reopen(calm.clone().setting("BANYAN__TESTING__HALT_AT", point));
    let bought = shop.buy(&person, &article, "ok").await;
    shop.server.wait_for_log(&format!("halted at {point}"), Duration::from_secs(20));
    shop.server.kill();
    shop.reopen(calm);
    shop.settled(&person, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
    until(Duration::from_secs(20), "the event to arrive", async || {
        (position(&shop, "order", "to:product") == 1).then_some(())
    })
    .await;
    assert_eq!((position(&shop, "order", "published"), position(&shop, "product", "from:order")), (1, 1));
    let purchases: i64 = purchases::table.count().get_result(&mut store(&shop, "product")).expect("a count");
    assert_eq!(purchases, 1);
}

#[tokio::test]
async fn an_event_that_was_not_sent_is_sent_by_whoever_comes_after() {
    survives("events.before.send").await;
}

#[tokio::test]
async fn an_event_whose_answer_nobody_heard_has_its_effect_once() {
    survives("events.sent").await;
}

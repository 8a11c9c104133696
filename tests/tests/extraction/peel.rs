//! A module goes out and comes back: nothing fails, nothing is lost, nothing happens twice.

use std::time::Duration;

use system_tests::operator::{order, status};
use system_tests::shop::Shop;
use system_tests::wait::until;

use crate::customers::Customers;

const STOCK: i64 = 100_000;
const CUSTOMERS: usize = 4;

/// How often each module goes out and back: `BANYAN_TEST_ROUNDS`, or twice.
fn rounds() -> usize {
    std::env::var("BANYAN_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2)
}

async fn goes_out_and_back_under_load(module: &'static str) {
    let shop = Shop::open();
    let article = shop.article(STOCK).await;
    let mut people = Vec::new();
    for _ in 0..CUSTOMERS {
        people.push(shop.somebody().await);
    }
    let customers = Customers::let_in(&shop.client, &people, &article);
    for _ in 0..rounds() {
        tokio::task::block_in_place(|| {
            order(&shop.server, &["extract", module, "--spawn", "--weights", "10,50,100", "--hold", "300ms"]);
        });
        assert_eq!(status(&shop.server, module)["placement"], "node");
        assert_eq!(shop.server.spawned().len(), 1, "the module runs in a process of its own");
        let before = customers.rounds();
        let more = until(Duration::from_secs(30), "customers to go on", async || {
            (customers.rounds() >= before + 4).then_some(())
        });
        more.await;
        tokio::task::block_in_place(|| {
            order(&shop.server, &["absorb", module, "--weights", "50,0", "--hold", "300ms"]);
        });
        assert_eq!(status(&shop.server, module)["placement"], "home");
        let ended = until(Duration::from_secs(30), "the node to end", async || {
            shop.server.spawned().is_empty().then_some(())
        });
        ended.await;
    }
    let told = customers.leave().await;
    assert!(told.rounds > 0);
    // Every acknowledged order is there once and took one unit; no other took any.
    assert_eq!(u64::try_from(told.orders.len()).expect("a count"), told.rounds);
    assert_eq!(shop.available(&article).await, STOCK - i64::try_from(told.rounds).expect("a count"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_module_goes_out_and_back_under_load() {
    goes_out_and_back_under_load("user").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_product_module_goes_out_and_back_under_load() {
    goes_out_and_back_under_load("product").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_module_goes_out_and_back_under_load() {
    goes_out_and_back_under_load("order").await;
}

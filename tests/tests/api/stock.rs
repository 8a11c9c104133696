//! Many buyers, few units.

use std::sync::Arc;

use system_tests::server::ServerOptions;
use system_tests::shop::Shop;

/// Buys `buyers` times at once with `units` in stock, and gives how many orders were confirmed.
async fn race(buyers: usize, units: i64) {
    let shop = Arc::new(Shop::open_with(ServerOptions::default()));
    let article = shop.article(units).await;
    let mut carts = Vec::new();
    for _ in 0..buyers {
        let person = shop.somebody().await;
        let cart = shop.cart_with(&person, &article, 1).await;
        carts.push((person, cart));
    }
    let orders: Vec<_> = carts
        .into_iter()
        .map(|(person, cart)| {
            let shop = Arc::clone(&shop);
            tokio::spawn(async move { shop.check_out(&person, &cart, "ok").await.expect(202).body })
        })
        .collect();
    let mut confirmed = 0;
    for order in orders {
        let order = order.await.expect("no panic");
        match order["status"].as_str() {
            Some("confirmed") => confirmed += 1,
            Some("rejected") => {
                let reason = order["reason"].as_str().expect("a reason");
                assert!(reason.starts_with("insufficient_stock"), "{reason}");
            }
            other => panic!("neither confirmed nor rejected: {other:?}"),
        }
    }
    assert_eq!(confirmed, units);
    assert_eq!(shop.available(&article).await, 0);
}

#[tokio::test]
async fn of_two_buyers_one_gets_the_last_unit() {
    race(2, 1).await;
}

#[tokio::test]
async fn of_twelve_buyers_exactly_five_get_five_units() {
    race(12, 5).await;
}

//! A store that is locked by another program: writes wait, then are refused with `Retry-After`; reads go on.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::json;
use system_tests::shop::Shop;

#[tokio::test]
async fn a_locked_store_refuses_writes_in_bounded_time_and_serves_reads() {
    let shop = Shop::open();
    let path = shop.server.data_dir().join("order.db");
    let mut locker = SqliteConnection::establish(path.to_str().expect("a path")).expect("the store opens");
    locker.batch_execute("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE").expect("the lock");

    let refused = shop.client.post("/api/v1/carts").json(&json!({})).send().await;
    assert!(matches!(refused.status, 503 | 504), "{}", refused.text);
    assert!(["OVERLOADED", "MODULE_UNAVAILABLE", "MODULE_TIMEOUT"].contains(&refused.error_code()));
    shop.client.get("/api/v1/products?limit=1").send().await.expect(200);
    shop.client.get("/readyz").send().await.expect(200);

    locker.batch_execute("ROLLBACK").expect("unlocked");
    system_tests::wait::until(Duration::from_secs(20), "writes to succeed again", async || {
        let cart = shop.client.post("/api/v1/carts").json(&json!({})).send().await;
        (cart.status == 201).then_some(())
    })
    .await;
}

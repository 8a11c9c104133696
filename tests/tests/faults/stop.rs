//! A stop that was asked for.

use std::time::Duration;

use serde_json::json;
use system_tests::server::ServerOptions;
use system_tests::shop::{Shop, fresh_key};

#[tokio::test]
async fn sigterm_finishes_what_runs_and_closes_the_stores() {
    let shop = Shop::open();
    let (person, article) = (shop.somebody().await, shop.article(9).await);
    // A payment that waits for its buyer keeps a request waiting too.
    let cart = shop.cart_with(&person, &article, 1).await;
    let body = json!({"payment": {"provider": "test", "token": "ok"}});
    let request = shop.client.post(&format!("/api/v1/carts/{cart}/checkout")).bearer(&person.token);
    let request = request.key(&fresh_key()).header("prefer", "wait=10").json(&body);
    let running = tokio::spawn(async move { request.send().await });
    tokio::task::yield_now().await;
    shop.server.wait_for_log("/items/", Duration::from_secs(5));
    let (status, server) = tokio::task::spawn_blocking(move || {
        let mut server = shop.server;
        (server.terminate(), server)
    })
    .await
    .expect("no panic");
    assert!(status.success());
    // Either it was taken and answered, or it never reached the server: never half.
    if let Ok(response) = running.await {
        assert_eq!(response.status, 202, "{}", response.text);
    }
    for module in ["user", "product", "order"] {
        let log = server.data_dir().join(format!("{module}.db-wal"));
        assert_eq!(std::fs::metadata(&log).map_or(0, |meta| meta.len()), 0, "{}", log.display());
    }
    assert!(server.log().contains("stopped"));
}

#[tokio::test]
async fn leases_are_given_up_so_that_the_next_process_goes_on_at_once() {
    let options = ServerOptions::default().setting("BANYAN__ORDER__LEASE_SECONDS", "3600");
    let mut shop = Shop::open_with(options);
    let (person, article) = (shop.somebody().await, shop.article(9).await);
    let order = shop.buy(&person, &article, "requires_action").await;
    let calm = shop.server.options();
    assert!(shop.server.terminate().success());
    shop.reopen(calm);
    let order = order["id"].as_str().expect("an id");
    let cancel = shop.client.post(&format!("/api/v1/orders/{order}/cancel")).bearer(&person.token);
    cancel.key(&fresh_key()).json(&json!({})).send().await.expect(202);
    shop.settled(&person, order, &["cancelled"]).await;
}

//! Taking an application over, route by route.

use serde_json::Value;
use system_tests::client::Client;
use system_tests::operator::status;

use crate::kit::{Home, prefix};
use crate::legacy::Legacy;

/// Whether the legacy application answered, and not the shop.
async fn is_legacy(client: &Client, path: &str) -> bool {
    client.get(path).send().await.body["process"].is_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_are_taken_over_one_by_one_by_changing_the_configuration() {
    let legacy = Legacy::start();
    let everything = prefix("/", legacy.address);
    let mut home = Home::with(&everything);
    for path in ["/", "/about", "/api/v1/products", "/api/v1/orders", "/healthz"] {
        assert!(is_legacy(&home.client(), path).await, "{path}");
    }

    let products = "[[router.prefixes]]\npath = \"/api/v1/products\"\nlocal = true\n";
    home.restart_with(&format!("{everything}{products}"));
    let list = home.client().get("/api/v1/products").send().await.expect(200);
    assert!(list.body["data"].is_array(), "{list}");
    for path in ["/", "/about", "/api/v1/orders", "/api/v1/productsx"] {
        assert!(is_legacy(&home.client(), path).await, "{path}");
    }

    // Within what was taken over, one address may stay behind.
    let reviews = prefix("/api/v1/products/old", legacy.address);
    home.restart_with(&format!("{everything}{products}{reviews}"));
    assert!(is_legacy(&home.client(), "/api/v1/products/old/1").await);
    assert!(!is_legacy(&home.client(), "/api/v1/products").await);

    home.restart_with("");
    home.client().get("/api/v1/products").send().await.expect(200);
    home.client().get("/api/v1/orders").send().await.expect(401);
    home.client().get("/about").send().await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_proves_an_operator_or_a_node_is_never_told_to_the_application() {
    let legacy = Legacy::start();
    let home = Home::with(&prefix("/", legacy.address));
    assert_eq!(status(&home.server, "order")["placement"], "home", "the command line is answered by home");
    for path in ["/_admin/status", "/_internal/control/follow", "/_admin", "/_internal"] {
        let answer = home.client().get(path).bearer("made-up").send().await;
        assert!(answer.body["process"].is_null() && answer.status >= 400, "{path}: {answer}");
        assert_ne!(answer.body["error"]["code"], Value::Null, "{path}: {answer}");
    }
}

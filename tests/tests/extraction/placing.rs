//! Who chooses where a request is answered, and who refuses to answer it.

use std::time::Duration;

use serde_json::Value;
use system_tests::client::Request;
use system_tests::operator::{order, status};
use system_tests::server::{Server, ServerOptions};
use system_tests::shop::Shop;
use system_tests::wait::until;

const SOON: Duration = Duration::from_secs(30);

/// Requests answered at home and at the node.
fn answered(shop: &Shop) -> (u64, u64) {
    let module = status(&shop.server, "product");
    let count = |place: &Value| place["requests"].as_u64().expect("a count");
    (count(&module["home"]), count(&module["away"]))
}

async fn goes(shop: &Shop, request: Request) -> &'static str {
    let before = answered(shop);
    request.send().await.expect(200);
    let after = answered(shop);
    match (after.0 - before.0, after.1 - before.1) {
        (1, 0) => "home",
        (0, 1) => "node",
        other => panic!("it was answered {other:?} times"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_chooses_where_a_request_is_answered_and_nobody_else_does() {
    let shop = Shop::open();
    order(&shop.server, &["extract", "product", "--spawn", "--weights", "100", "--hold", "0ms"]);
    let (operator, customer) = (shop.operator().await, shop.somebody().await);
    let token = std::fs::read_to_string(shop.server.data_dir().join("operator.token")).expect("the token");
    let ask = || shop.client.get("/api/v1/products?limit=1");
    let at_home = || ask().header("x-banyan-placement", "local");
    assert_eq!(goes(&shop, ask()).await, "node");
    assert_eq!(goes(&shop, at_home().bearer(&operator.token)).await, "home");
    // As somebody else, with the token beside their login.
    let tried = at_home().bearer(&customer.token).header("x-banyan-operator", token.trim());
    assert_eq!(goes(&shop, tried).await, "home");
    assert_eq!(goes(&shop, at_home()).await, "node");
    assert_eq!(goes(&shop, at_home().bearer(&customer.token)).await, "node");
    assert_eq!(goes(&shop, at_home().header("x-banyan-operator", "made-up")).await, "node");
    let nowhere = ask().header("x-banyan-placement", "moon").bearer(&operator.token);
    assert_eq!(goes(&shop, nowhere).await, "node");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_refuses_unexecuted_what_was_sent_in_another_epoch() {
    let shop = Shop::open();
    let options = ServerOptions::default().data_dir(shop.server.data_dir());
    let options = options.argument("--modules").argument("user").argument("--home");
    let node = Server::start_with(options.argument(shop.server.base_url()));
    let email = "epoch@people.example";
    let register = |epoch: &str| {
        let body =
            serde_json::json!({"email": email, "name": "Somebody", "password": "a-long-enough-secret"});
        node.client().post("/api/v1/users").header("x-module-epoch", epoch).json(&body)
    };
    // Before its home has told it whose the store is, it has no epoch.
    register("0").send().await.expect(421);
    until(SOON, "the node to follow", async || {
        let refused = register("2").send().await.expect(421);
        assert_eq!(refused.error_code(), "MISDIRECTED");
        let own = refused.header("x-module-epoch").expect("it says which epoch is its own").to_owned();
        (own == "1").then_some(())
    })
    .await;
    for epoch in ["2", "0", "made-up"] {
        let refused = register(epoch).send().await.expect(421);
        assert_eq!(refused.header("x-module-epoch"), Some("1"));
    }
    // Nothing was executed: the address is still free.
    register("1").send().await.expect(201);
}

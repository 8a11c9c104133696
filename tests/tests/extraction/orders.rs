//! Who may give which orders.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use system_tests::operator::{order, run, status};
use system_tests::shop::Shop;

#[tokio::test(flavor = "multi_thread")]
async fn only_operators_are_answered() {
    let shop = Shop::open();
    let extract = json!({"module": "order", "weights": [100], "hold_ms": 0});
    let ask = || shop.client.post("/_admin/extract").json(&extract);
    assert_eq!(ask().send().await.expect(401).error_code(), "AUTHENTICATION_REQUIRED");
    assert_eq!(ask().bearer("made up").send().await.expect(401).error_code(), "TOKEN_INVALID");
    let customer = shop.somebody().await;
    assert_eq!(ask().bearer(&customer.token).send().await.expect(403).error_code(), "ACCESS_DENIED");
    let operator = shop.operator().await;
    shop.client.get("/_admin/status").bearer(&operator.token).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nodes_ask_is_not_there_for_the_public() {
    let shop = Shop::open();
    let operator = shop.operator().await;
    let unknown = shop.client.post("/nowhere").json(&json!({})).send().await.expect(404);
    for path in ["/_internal/control/follow", "/_internal/user/public_keys", "/_internal/order/has_bought"] {
        for token in ["", "made-up", &operator.token] {
            let body = json!({"node": "nod_01m85bfqcgepjs5hy7rg8ap4q4", "generation": 0});
            let answer = shop.client.post(path).bearer(token).json(&body).send().await.expect(404);
            assert_eq!(answer.error_code(), unknown.error_code(), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_that_prove_an_operator_are_for_their_owner_alone() {
    let shop = Shop::open();
    for name in ["operator.token", "cluster.key"] {
        let path = shop.server.data_dir().join(name);
        let mode = std::fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let path = shop.server.data_dir().join("operator.token");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("permissions");
    let refused = run(&shop.server, &["status"]);
    assert!(refused.code != 0 && refused.stderr.contains("chmod 600"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_make_no_sense_are_refused_with_a_reason() {
    let shop = Shop::open();
    let refused = |arguments: &[&str], reason: &str| {
        let ended = run(&shop.server, arguments);
        assert!(ended.code == 76 && ended.stderr.contains(reason), "{arguments:?}: {ended:?}");
    };
    refused(&["extract", "order", "--spawn", "--weights", "50,10,100"], "must rise");
    refused(&["extract", "order", "--spawn", "--weights", "10,50"], "end with 100");
    refused(&["extract", "order", "--to", "http://127.0.0.1:1"], "no node has joined");
    refused(&["absorb", "order"], "at home already");
    refused(&["rollback", "order"], "at home already");
    assert!(order(&shop.server, &["can-extract", "order"]).contains("can be extracted"));
    order(&shop.server, &["extract", "order", "--spawn", "--weights", "100", "--hold", "0ms"]);
    refused(&["extract", "order", "--spawn"], "out already");
    refused(&["can-extract", "order"], "out already");
    let usage = run(&shop.server, &["extract", "reviews", "--spawn"]);
    assert!(usage.code == 64 && usage.stderr.contains("user, product, order"), "{usage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_sends_everything_back_and_is_written_down() {
    let shop = Shop::open();
    let server = &shop.server;
    let extract = ["extract", "product", "--spawn", "--weights", "10,100", "--hold", "1m"];
    let mut extracting = std::process::Command::new(system_tests::binary::banyan())
        .args(extract)
        .env("BANYAN__DATA__DIRECTORY", server.data_dir())
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("banyan can be started");
    system_tests::wait::until(std::time::Duration::from_secs(60), "the first weight", async || {
        (status(server, "product")["weight"] == 10).then_some(())
    })
    .await;
    order(server, &["rollback", "product"]);
    let ended = extracting.wait().expect("it ends");
    assert_eq!(ended.code(), Some(75), "who extracted is told that it was undone");
    let product = status(server, "product");
    assert_eq!((&product["placement"], &product["weight"]), (&json!("home"), &json!(0)));
    assert_eq!(product["operation"]["reason"], "an operator asked for it");
    let told = order(server, &["status"]);
    assert!(told.contains("operator token rollback product"), "{told}");
}

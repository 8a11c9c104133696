//! Changing one's mind: before the switch, after it, without anybody asking, and when going back does not succeed either.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use system_tests::operator::{Desk as Operator, order, run, status};
use system_tests::server::ServerOptions;
use system_tests::shop::{Shop, fresh_key};
use system_tests::wait::until;

use crate::books;
use crate::customers::Customers;
use crate::desk::Manner;
use crate::moving::{bring_back, complete, elsewhere, leaves_nothing, take_out};

const SOON: Duration = Duration::from_secs(60);

fn commanded(shop: &Shop, arguments: &[&str]) -> (i32, String) {
    let ended = tokio::task::block_in_place(|| run(&shop.server, arguments));
    (ended.code, ended.stdout + &ended.stderr)
}

/// Begins to take the order module out, and keeps it where changes stream to the copy: its node is stopped.
async fn begin(shop: &Shop, more: Value) -> String {
    let operator = Operator::of(&shop.server);
    let mut body = json!({"module": "order", "weights": [100], "hold_ms": 0, "store": elsewhere(shop, "order"),
        "max_pause_ms": 4000});
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    let begun = operator.post("/_admin/extract").json(&body).send().await.expect(202).body;
    let path = format!("/_admin/handovers/{}", begun["id"].as_str().expect("an id"));
    until(SOON, "the node to be started", async || (!shop.server.spawned().is_empty()).then_some(())).await;
    shop.server.freeze_spawned(true);
    until(SOON, "the node to be missed", async || {
        let now = operator.get(&path).send().await.body;
        (now["state"] == "catching_up" && now["now"]["trouble"].is_string()).then_some(())
    })
    .await;
    path
}

async fn ended(shop: &Shop, path: &str) -> Value {
    let operator = Operator::of(&shop.server);
    until(SOON, "the handover to end", async || {
        let now = operator.get(path).send().await.body;
        let over =
            now["ended_at"].is_string() || ["watched", "standby"].iter().any(|state| now["state"] == *state);
        over.then_some(now)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_after_the_switch_brings_the_module_home_under_load_and_leaves_nothing() {
    let shop = Shop::open();
    let customers = Customers::let_in(&shop, 4, Manner::Strict).await;
    for _ in 0..2 {
        take_out(&shop, "order");
        let before = customers.visits();
        until(SOON, "customers to go on", async || (customers.visits() >= before + 4).then_some(())).await;
        let (code, said) = commanded(&shop, &["rollback", "order", "--max-pause", "4s"]);
        assert_eq!(code, 0, "{said}");
        let now = status(&shop.server, "order");
        assert!(now["placement"] == "home" && now["handover"].is_null(), "{now}");
    }
    let told = customers.leave().await;
    books::close(&shop, &told).await;
    leaves_nothing(&shop, "order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_before_the_switch_removes_the_copy() {
    let shop = Shop::open();
    let path = begin(&shop, json!({})).await;
    let (code, said) = commanded(&shop, &["rollback", "order"]);
    assert_eq!(code, 0, "{said}");
    let ended = ended(&shop, &path).await;
    assert_eq!((&ended["state"], &ended["reason"]), (&"aborted".into(), &"an operator asked for it".into()));
    assert_eq!(status(&shop.server, "order")["epoch"], 1);
    shop.server.freeze_spawned(false);
    until(SOON, "the node to end", async || shop.server.nodes().is_empty().then_some(())).await;
    leaves_nothing(&shop, "order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_back_that_does_not_succeed_is_said_and_can_be_tried_again() {
    let mut shop = Shop::open();
    take_out(&shop, "order");
    let address = shop.server.address().to_owned();
    shop.server.kill();
    shop.reopen(shop.server.options().listen(&address).setting("BANYAN__TESTING__FAIL_AT", "effect.drain:5"));
    until(SOON, "the module to answer", async || {
        let answer = shop.client.get("/api/v1/orders").send().await;
        (answer.status == 401).then_some(())
    })
    .await;
    let (code, said) = commanded(&shop, &["rollback", "order", "--max-pause", "4s"]);
    assert_eq!(code, 75, "{said}");
    let now = status(&shop.server, "order");
    assert_eq!((&now["placement"], &now["handover"]["state"]), (&"node".into(), &"standby".into()), "{now}");
    let (code, said) = commanded(&shop, &["rollback", "order", "--max-pause", "4s"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(status(&shop.server, "order")["placement"], "home");
    leaves_nothing(&shop, "order");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_again_after_a_failed_way_back_can_also_be_given_up() {
    let mut shop = Shop::open();
    take_out(&shop, "order");
    let address = shop.server.address().to_owned();
    shop.server.kill();
    // It goes back before the stores are its own.
    shop.reopen(
        shop.server.options().listen(&address).setting("BANYAN__TESTING__FAIL_AT", "effect.prepare:5"),
    );
    let (code, said) = commanded(&shop, &["absorb", "order", "--max-pause", "4s"]);
    assert_eq!(code, 75, "{said}");
    assert_eq!(status(&shop.server, "order")["handover"]["state"], "standby");
    complete(&shop, "order");
    until(SOON, "the follower to be gone", async || {
        status(&shop.server, "order")["handover"].is_null().then_some(())
    })
    .await;
    assert!(!shop.server.data_dir().join("order.db").exists());
    bring_back(&shop, "order");
    complete(&shop, "order");
    leaves_nothing(&shop, "order");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_way_back_is_refused_until_the_stores_are_the_last_ones_own() {
    let mut shop = Shop::open();
    take_out(&shop, "order");
    let options = shop.server.options().listen(shop.server.address());
    shop.server.kill();
    shop.reopen(options.clone().setting("BANYAN__TESTING__FAIL_AT", "effect.prepare:1000000"));
    assert_eq!(commanded(&shop, &["rollback", "order", "--max-pause", "4s"]).0, 75);
    let (code, said) = commanded(&shop, &["rollback", "order", "--max-pause", "4s"]);
    assert_ne!(code, 0, "{said}");
    assert!(said.contains("has not taken over both stores yet"), "{said}");
    shop.server.kill();
    shop.reopen(options);
    until(SOON, "the way back to be possible", async || {
        (commanded(&shop, &["rollback", "order", "--max-pause", "4s"]).0 == 0).then_some(())
    })
    .await;
    assert_eq!(status(&shop.server, "order")["placement"], "home");
    leaves_nothing(&shop, "order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_would_take_longer_than_allowed_gives_itself_up() {
    let shop = Shop::open();
    let path = begin(&shop, json!({"max_pause_ms": 1500})).await;
    // Somebody is in a long transaction when it is to be sealed.
    let mut other = system_tests::raw::open(&shop.server.data_dir().join("order.db"));
    other.batch_execute("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE").expect("the lock");
    shop.server.freeze_spawned(false);
    let operator = Operator::of(&shop.server);
    let reason = until(SOON, "it to go back", async || {
        operator.get(&path).send().await.body["reason"].as_str().map(str::to_owned)
    })
    .await;
    assert!(reason.contains("longer than 1500 ms"), "{reason}");
    other.batch_execute("ROLLBACK").expect("it is given up");
    let ended = ended(&shop, &path).await;
    assert_eq!(ended["state"], "aborted", "{ended}");
    assert_eq!(status(&shop.server, "order")["epoch"], 3);
    leaves_nothing(&shop, "order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_place_that_does_badly_while_it_is_watched_is_left_again() {
    let shop = Shop::open_with(ServerOptions::default().setting("BANYAN__ORDER__RETRY_MILLISECONDS", "20"));
    let somebody = shop.somebody().await;
    let store = elsewhere(&shop, "order");
    let extract = ["extract", "order", "--spawn", "--data", "move", "--store", &store, "--max-pause", "4s"];
    let (code, said) = commanded(&shop, &[&extract[..], &["--watch", "50s"]].concat());
    assert_eq!(code, 0, "{said}");
    // Nothing can be written there.
    let mut other = system_tests::raw::open(&shop.server.data_dir().join("moved/order.db"));
    other.batch_execute("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE").expect("the lock");
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let request = shop.client.post("/api/v1/carts").bearer(&somebody.token).key(&fresh_key());
        all.spawn(async move { request.json(&json!({})).send().await.status });
    }
    let answers = all.join_all().await;
    assert!(answers.iter().filter(|status| **status >= 500).count() >= 20, "{answers:?}");
    other.batch_execute("ROLLBACK").expect("it is given up");
    until(SOON, "the module to be at home again", async || {
        let now = status(&shop.server, "order");
        (now["placement"] == "home" && now["handover"].is_null()).then_some(())
    })
    .await;
    let receipts = order(&shop.server, &["receipt", "list", "--json"]);
    let last: Value = serde_json::from_str(receipts.lines().next().expect("a receipt")).expect("JSON");
    let why = last.pointer("/receipt/handover/reason").and_then(Value::as_str).unwrap_or_default();
    assert!(why.contains("requests failed at the new place"), "{why}");
    leaves_nothing(&shop, "order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_somebody_else_has_changed_is_not_switched_to() {
    let shop = Shop::open();
    let path = begin(&shop, json!({})).await;
    // Past the fence, as somebody with a tool would do it.
    let mut rogue = system_tests::raw::open(&shop.server.data_dir().join("moved/order.db"));
    rogue
        .batch_execute(
            "PRAGMA busy_timeout = 5000; DROP TRIGGER fence_store_meta_INSERT;
             INSERT INTO store_meta (name, value) VALUES ('rogue', '')",
        )
        .expect("a tool can do it");
    drop(rogue);
    shop.server.freeze_spawned(false);
    let ended = ended(&shop, &path).await;
    let reason = ended["reason"].as_str().unwrap_or_default();
    assert_eq!(ended["state"], "aborted", "{ended}");
    assert!(reason.contains("the stores differ"), "{reason}");
    leaves_nothing(&shop, "order");
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_checked_without_a_running_shop_and_what_was_tampered_with_is_found() {
    let mut shop = Shop::open();
    take_out(&shop, "order");
    bring_back(&shop, "order");
    complete(&shop, "order");
    shop.server.terminate();
    let listed = order(&shop.server, &["receipt", "list", "--json"]);
    let ids: Vec<String> = listed
        .lines()
        .map(|line| {
            let receipt: Value = serde_json::from_str(line).expect("JSON");
            receipt["receipt"]["handover"]["id"].as_str().expect("an id").to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 2, "{listed}");
    for id in &ids {
        let said = order(&shop.server, &["receipt", "verify", id]);
        assert!(!said.contains("WRONG"), "{said}");
        assert!(order(&shop.server, &["receipt", "show", id]).contains("\"journal\""));
    }
    // The way back relied on the comparison of the way there.
    let said = order(&shop.server, &["receipt", "verify", &ids[0]]);
    assert!(said.contains(&format!("the comparison by {}", ids[1])), "{said}");
    // One digit of the receipt.
    let mut control = system_tests::raw::open(&shop.server.data_dir().join("control.db"));
    let tampering = format!(
        "UPDATE receipts SET body = replace(body, '\"epoch\":1', '\"epoch\":9') WHERE id = '{}'",
        ids[1]
    );
    control.batch_execute(&tampering).expect("a tool can do it");
    let (code, said) = commanded(&shop, &["receipt", "verify", &ids[1]]);
    assert!(code != 0 && said.contains("the signature") && said.contains("WRONG"), "{said}");
    // A byte of the store that was put aside.
    let moved = shop.server.data_dir().join("moved");
    let aside =
        crate::moving::files(&moved).into_iter().find(|name| name.contains(".epoch-")).expect("a store");
    let path = moved.join(aside);
    let mut bytes = std::fs::read(&path).expect("the store");
    let place = bytes.windows(10).position(|window| window == b"cursor_key").expect("a row");
    bytes[place] ^= 1;
    std::fs::write(&path, bytes).expect("the store");
    let (code, said) = commanded(&shop, &["receipt", "verify", &ids[0]]);
    assert!(code != 0 && said.contains("it holds something else"), "{said}");
    std::fs::remove_file(&path).expect("the store");
    let (code, said) = commanded(&shop, &["receipt", "verify", &ids[0]]);
    assert!(code != 0 && said.contains("it is not there any more"), "{said}");
}

//! What goes wrong while a module changes hands: answers that are lost, steps that fail, others that are silent, too many who wait.

use std::time::{Duration, Instant};

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

/// Starts home again at the same address, with something that fails.
fn restart(shop: &mut Shop, fails: &str) {
    let address = shop.server.address().to_owned();
    shop.server.kill();
    let options = shop.server.options().listen(&address);
    shop.reopen(options.setting("BANYAN__TESTING__FAIL_AT", fails));
}

/// Takes the order module out. Gives the exit code and what was said.
fn extract(shop: &Shop, more: &[&str]) -> (i32, String) {
    let store = elsewhere(shop, "order");
    let mut extract = vec!["extract", "order", "--spawn", "--data", "move", "--store", &store];
    extract.extend(["--max-pause", "5s"].iter().chain(more));
    let ended = tokio::task::block_in_place(|| run(&shop.server, &extract));
    (ended.code, ended.stdout + &ended.stderr)
}

/// Brings the order module home, from wherever it is, and ends the watch.
async fn bring_home(shop: &Shop) {
    until(SOON, "the order module to be at home", async || {
        let now = status(&shop.server, "order");
        match (now["placement"].as_str(), now["handover"]["state"].as_str()) {
            (Some("home"), None) => return Some(()),
            (Some("home"), Some("watched" | "standby")) => complete(shop, "order"),
            (Some("node"), None | Some("watched" | "standby")) => bring_back(shop, "order"),
            _ => {}
        }
        None
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_or_whose_answer_is_lost_leads_to_one_place_and_no_request_fails() {
    // What fails, how often, and where the module must be in the end. What has the name of a state was written down, and nobody
    // heard of it; what begins with `before` could not be written down.
    const TABLE: [(&str, &str); 14] = [
        ("committed:1", "node"),
        ("activated:1", "node"),
        ("routed:1", "node"),
        ("drained:1", "node"),
        ("before.committed:3", "node"),
        ("before.activated:3", "node"),
        ("effect.copy:2", "node"),
        ("effect.verify:2", "node"),
        ("effect.drain:2", "node"),
        ("effect.activate:8", "node"),
        // Whoever does not know that requests wait does not know for how long.
        ("sealing:1", "home"),
        ("effect.copy:9", "home"),
        ("effect.verify:9", "home"),
        ("effect.seal:9", "home"),
    ];
    let options = ServerOptions::default()
        .setting("BANYAN__ORDER__LEASE_SECONDS", "2")
        .setting("BANYAN__ORDER__RETRY_MILLISECONDS", "20");
    let mut shop = Shop::open_with(options);
    // Home is started anew between the cases: that is what they are patient with.
    let customers = Customers::let_in(&shop, 3, Manner::Patient).await;
    for (fails, place) in TABLE {
        bring_home(&shop).await;
        restart(&mut shop, fails);
        let (code, said) = extract(&shop, &[]);
        assert_eq!(code, if place == "node" { 0 } else { 75 }, "{fails}: {said}");
        assert_eq!(status(&shop.server, "order")["placement"], place, "{fails}: {said}");
    }
    bring_home(&shop).await;
    let told = customers.leave().await;
    books::close(&shop, &told).await;
    leaves_nothing(&shop, "order");
    for receipt in order(&shop.server, &["receipt", "list", "--json"]).lines() {
        let receipt: Value = serde_json::from_str(receipt).expect("JSON");
        let id = receipt["receipt"]["handover"]["id"].as_str().expect("an id");
        order(&shop.server, &["receipt", "verify", id]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_fails_is_tried_until_it_succeeds() {
    for fails in ["effect.reopen:8", "before.reopening:4", "reopening:1", "effect.clean_up:8"] {
        let shop = Shop::open_with(ServerOptions::default().setting("BANYAN__TESTING__FAIL_AT", fails));
        let (code, said) = extract(&shop, &["--rehearse"]);
        assert_eq!(code, 0, "{fails}: {said}");
        let now = status(&shop.server, "order");
        assert_eq!((&now["placement"], &now["epoch"]), (&"home".into(), &3.into()), "{fails}: {now}");
        leaves_nothing(&shop, "order");
        let (somebody, article) = (shop.somebody().await, shop.article(5).await);
        let bought = shop.buy(&somebody, &article, "ok").await;
        shop.settled(&somebody, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_too_many_wait_the_next_is_told_to_come_back_and_was_not_executed() {
    let options = ServerOptions::default().setting("BANYAN__ROUTER__WAITING", "2");
    let shop = Shop::open_with(options.setting("BANYAN__TESTING__FAIL_AT", "effect.reopen:10"));
    let somebody = shop.somebody().await;
    let operator = Operator::of(&shop.server);
    let body = json!({"module": "order", "weights": [100], "hold_ms": 0, "store": elsewhere(&shop, "order"),
        "max_pause_ms": 5000, "rehearse": true});
    let begun = operator.post("/_admin/extract").json(&body).send().await.expect(202).body;
    let path = format!("/_admin/handovers/{}", begun["id"].as_str().expect("an id"));
    until(SOON, "requests to wait", async || {
        let now = operator.get(&path).send().await.body;
        (now["state"] == "reopening" && now["now"]["waiting_ms"].is_u64()).then_some(())
    })
    .await;
    // It goes back, and cannot for a while: meanwhile six come, of whom two may wait.
    let open =
        || shop.client.post("/api/v1/carts").bearer(&somebody.token).key(&fresh_key()).json(&json!({}));
    let began = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let request = open();
        all.spawn(async move { (request.send().await, Instant::now()) });
    }
    let mut answers = Vec::new();
    while let Some(answered) = all.join_next().await {
        answers.push(answered.expect("an answer"));
    }
    let (let_in, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|(answer, _)| answer.status == 201);
    assert_eq!((let_in.len(), refused.len()), (2, 4), "{answers:?}");
    for (answer, at) in refused {
        assert_eq!(answer.status, 503, "{answer}");
        assert!(answer.header("retry-after").is_some(), "{answer}");
        assert!(at.duration_since(began) < Duration::from_secs(2), "it was told at once");
    }
    let ended = until(SOON, "the rehearsal to end", async || {
        let now = operator.get(&path).send().await.body;
        now["ended_at"].is_string().then_some(now)
    })
    .await;
    let facts = &ended["facts"];
    assert_eq!((&facts["waited"], &facts["refused"]), (&2.into(), &4.into()), "{facts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_place_that_is_silent_is_waited_for_and_named() {
    let shop = Shop::open();
    let operator = Operator::of(&shop.server);
    let body = json!({"module": "order", "weights": [100], "hold_ms": 0, "store": elsewhere(&shop, "order"),
        "max_pause_ms": 5000});
    let begun = operator.post("/_admin/extract").json(&body).send().await.expect(202).body;
    let path = format!("/_admin/handovers/{}", begun["id"].as_str().expect("an id"));
    until(SOON, "the node to be started", async || (!shop.server.spawned().is_empty()).then_some(())).await;
    shop.server.freeze_spawned(true);
    let trouble = until(SOON, "it to be said what is missing", async || {
        let now = operator.get(&path).send().await.body;
        assert_ne!(now["state"], "sealing", "{now}");
        now["now"]["trouble"].as_str().map(str::to_owned)
    })
    .await;
    assert!(trouble.contains("node"), "{trouble}");
    let said = order(&shop.server, &["status"]);
    assert!(said.contains("TROUBLE") && said.contains("banyan rollback order"), "{said}");
    shop.server.freeze_spawned(false);
    until(SOON, "it to go on", async || {
        (operator.get(&path).send().await.body["state"] == "watched").then_some(())
    })
    .await;
    bring_back(&shop, "order");
    complete(&shop, "order");
    leaves_nothing(&shop, "order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bystander_that_is_silent_holds_a_switch_up_for_seconds_at_most_and_does_no_harm() {
    let shop = Shop::open();
    take_out(&shop, "user");
    complete(&shop, "user");
    shop.server.freeze_spawned(true);
    // Until its silence has lasted it may be sending calls: the switch goes back rather than not wait for it.
    let mut went_back = 0;
    loop {
        let (code, said) = extract(&shop, &[]);
        match code {
            0 => break,
            75 if went_back < 8 => went_back += 1,
            _ => panic!("{code}: {said}"),
        }
    }
    assert_eq!(status(&shop.server, "order")["placement"], "node");
    let nodes = shop.server.spawned();
    assert_eq!(nodes.len(), 2, "{nodes:?}");
    shop.server.freeze_spawned(false);
    // It follows again, and what it sends with the old epoch is sent again.
    let (somebody, article) = until(SOON, "the user module to answer", async || {
        let ready = shop.client.get("/.well-known/jwks.json").send().await.status == 200;
        if ready { Some((shop.somebody().await, shop.article(5).await)) } else { None }
    })
    .await;
    let bought = shop.buy(&somebody, &article, "ok").await;
    shop.settled(&somebody, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
    for module in ["order", "user"] {
        bring_back(&shop, module);
        complete(&shop, module);
    }
    leaves_nothing(&shop, "order");
    leaves_nothing(&shop, "user");
}

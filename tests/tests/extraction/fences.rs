//! What a handover does to who is late, in a hurry, or many.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use system_tests::client::Client;
use system_tests::operator::{Desk as Operator, run, status};
use system_tests::server::ServerOptions;
use system_tests::shop::{Shop, fresh_key};
use system_tests::wait::until;

use crate::books;
use crate::customers::Customers;
use crate::desk::Manner;
use crate::moving::{bring_back, complete, elsewhere, leaves_nothing, take_out};
use crate::peel::tell;

const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_stopped_and_goes_on_after_the_switch_writes_nothing() {
    let shop = Shop::open();
    take_out(&shop, "user");
    let operator = Operator::of(&shop.server);
    let node = node_url(&operator).await;
    // A pooled connection to it, and to its store one that it has written over.
    let direct = Client::new(&node);
    let register = |email: &str| {
        let body = json!({"email": email, "name": "Somebody", "password": "a-long-enough-secret"});
        direct.post("/api/v1/users").header("x-module-epoch", "2").json(&body)
    };
    register("before@people.example").send().await.expect(201);
    shop.server.freeze_spawned(true);
    until(SOON, "the node to be taken for dead", async || (!is_alive(&operator).await).then_some(())).await;
    bring_back(&shop, "user");
    assert_eq!(status(&shop.server, "user")["epoch"], 3);
    shop.server.freeze_spawned(false);
    let late = register("late@people.example").send().await;
    assert!(late.status >= 400, "{late}");
    let known = |email: &str| json!({"email": email, "password": "a-long-enough-secret"});
    let log_in = |email: &str| shop.client.post("/api/v1/auth/login").json(&known(email)).send();
    log_in("before@people.example").await.expect(200);
    log_in("late@people.example").await.expect(401);
    complete(&shop, "user");
    leaves_nothing(&shop, "user");
}

async fn node_url(operator: &Operator) -> String {
    let nodes = operator.get("/_admin/status").send().await.body["nodes"].clone();
    nodes[0]["url"].as_str().expect("an address").to_owned()
}

async fn is_alive(operator: &Operator) -> bool {
    operator.get("/_admin/status").send().await.body["nodes"][0]["alive"] == true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_a_hurry_is_told_to_come_back_and_was_not_executed() {
    let mut shop = Shop::open();
    let somebody = shop.somebody().await;
    let address = shop.server.address().to_owned();
    shop.server.kill();
    shop.reopen(shop.server.options().listen(&address).setting("BANYAN__TESTING__HALT_AT", "drained"));
    let operator = Operator::of(&shop.server);
    let body = json!({"module": "order", "weights": [100], "hold_ms": 0, "store": elsewhere(&shop, "order")});
    operator.post("/_admin/extract").json(&body).send().await.expect(202);
    shop.server.wait_for_log("halted at drained", SOON);
    // Requests wait now, and this one cannot for long.
    let began = Instant::now();
    let (key, client) = (fresh_key(), shop.client.clone());
    let open = |key: &str| client.post("/api/v1/carts").bearer(&somebody.token).key(key).json(&json!({}));
    let refused = open(&key).header("x-banyan-deadline-ms", "300").send().await;
    assert!(refused.status == 503 || refused.status == 504, "{refused}");
    assert!(refused.header("retry-after").is_some(), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(3), "it was answered before its deadline, or soon after");
    // The others go on meanwhile.
    shop.client.get("/api/v1/products?limit=1").send().await.expect(200);
    shop.server.kill();
    shop.reopen(shop.server.options().listen(&address).setting("BANYAN__TESTING__HALT_AT", ""));
    until(SOON, "the order module to be open again", async || {
        (open(&key).send().await.status == 201).then_some(())
    })
    .await;
    let now = status(&shop.server, "order");
    assert_eq!((&now["placement"], &now["epoch"]), (&"home".into(), &3.into()), "{now}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_store_that_cannot_be_written_for_a_while_costs_nothing_but_time() {
    let shop = Shop::open_with(ServerOptions::default().setting("BANYAN__ORDER__RETRY_MILLISECONDS", "20"));
    let customers = Customers::let_in(&shop, 4, Manner::Patient).await;
    let control = shop.server.data_dir().join("control.db");
    for _ in 0..2 {
        let locked = tokio::task::spawn_blocking({
            let control = control.clone();
            move || {
                let mut other = system_tests::raw::open(&control);
                other.batch_execute("PRAGMA busy_timeout = 10000").expect("a setting");
                for _ in 0..6 {
                    other.batch_execute("BEGIN IMMEDIATE").expect("the lock");
                    lasts(Duration::from_millis(700));
                    other.batch_execute("ROLLBACK").expect("it is given up");
                    lasts(Duration::from_millis(50));
                }
            }
        });
        let store = elsewhere(&shop, "order");
        let extract =
            ["extract", "order", "--spawn", "--data", "move", "--store", &store, "--max-pause", "5s"];
        let ended = tokio::task::block_in_place(|| run(&shop.server, &extract));
        locked.await.expect("the lock is given up");
        assert!([0, 75].contains(&ended.code), "{ended:?}");
        if ended.code == 0 {
            bring_back(&shop, "order");
            complete(&shop, "order");
        }
    }
    let told = customers.leave().await;
    books::close(&shop, &told).await;
    leaves_nothing(&shop, "order");
}

/// A fault that lasts so long: there is nothing to wait for.
fn lasts(long: Duration) {
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    let ended = never.recv_timeout(long);
    assert!(ended.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_ten_times_the_customers_a_switch_succeeds_or_goes_back_and_nothing_fails() {
    let shop = Shop::open();
    let customers = Customers::let_in(&shop, 40, Manner::Strict).await;
    let store = elsewhere(&shop, "product");
    let extract = ["extract", "product", "--spawn", "--data", "move", "--store", &store, "--max-pause", "5s"];
    let mut went_back = 0;
    loop {
        let ended = tokio::task::block_in_place(|| run(&shop.server, &extract));
        match ended.code {
            0 => break,
            75 if went_back < 5 => went_back += 1,
            _ => panic!("{ended:?}"),
        }
    }
    let before = customers.visits();
    until(SOON, "customers to go on", async || (customers.visits() >= before + 40).then_some(())).await;
    let told = customers.leave().await;
    tell(&format!(
        "product with 40 customers: {} requests, {} failed, slowest {} ms, went back {went_back} times",
        told.tally.requests(),
        told.tally.complaints().0,
        told.tally.longest_ms(),
    ));
    bring_back(&shop, "product");
    complete(&shop, "product");
    books::close(&shop, &told).await;
    leaves_nothing(&shop, "product");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_opened_again_in_another_epoch_keeps_its_log_when_somebody_else_closes_it() {
    let mut shop = Shop::open();
    let (somebody, article) = (shop.somebody().await, shop.article(5).await);
    let store = elsewhere(&shop, "order");
    let rehearse = ["extract", "order", "--spawn", "--data", "move", "--store", &store, "--rehearse"];
    let ended =
        tokio::task::block_in_place(|| run(&shop.server, &[&rehearse[..], &["--max-pause", "4s"]].concat()));
    assert_eq!(ended.code, 0, "{ended:?}");
    let buy = async |shop: &Shop| {
        let bought = shop.buy(&somebody, &article, "ok").await;
        let id = bought["id"].as_str().expect("an id").to_owned();
        shop.settled(&somebody, &id, &["confirmed"]).await;
        id
    };
    let first = buy(&shop).await;
    // Another process is the last to close the file, as far as it can see: if it saw no locks of ours, it would remove the log.
    let path = shop.server.data_dir().join("order.db");
    let read = std::process::Command::new("sqlite3").arg(&path).arg("SELECT count(*) FROM orders").output();
    assert_eq!(read.expect("sqlite3 is installed").stdout, b"1\n");
    let log = path.with_extension("db-wal");
    assert!(log.exists(), "the log is gone under its owner");
    let second = buy(&shop).await;
    let address = shop.server.address().to_owned();
    shop.server.kill();
    shop.reopen(shop.server.options().listen(&address));
    for order in [first, second] {
        shop.settled(&somebody, &order, &["confirmed"]).await;
    }
}

/// Runs the plain `sqlite3` program on a store. Gives what it wrote, and what it complained about.
fn plain(store: &std::path::Path, sql: &str) -> (String, String) {
    let ran = std::process::Command::new("sqlite3").arg(store).arg(sql).output().expect("sqlite3 is there");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&ran.stdout), text(&ran.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_present_the_epoch_cannot_write_an_open_store_nor_a_sealed_one() {
    let shop = Shop::open();
    let (somebody, article) = (shop.somebody().await, shop.article(5).await);
    let bought = shop.buy(&somebody, &article, "ok").await;
    shop.settled(&somebody, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
    take_out(&shop, "order");
    let data = shop.server.data_dir();
    for store in [data.join("moved/order.db"), data.join("order.db")] {
        let rows = || plain(&store, "SELECT id, status, version FROM orders").0;
        let before = rows();
        assert_eq!(before.lines().count(), 1, "{before}");
        let writes = [
            "INSERT INTO store_meta (name, value) VALUES ('rogue', '')",
            "UPDATE orders SET status = 'cancelled'",
            "DELETE FROM orders",
        ];
        for write in writes {
            let (_, complaint) = plain(&store, write);
            assert!(complaint.contains("no such function: module_epoch"), "{write}: {complaint}");
        }
        assert_eq!(rows(), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_home_over_the_same_data_is_refused() {
    let shop = Shop::open();
    let second = tokio::task::block_in_place(|| run(&shop.server, &["serve", "--listen", "127.0.0.1:0"]));
    assert!(second.code != 0 && second.stderr.contains("another shop runs"), "{second:?}");
    let _: Value = status(&shop.server, "order");
}

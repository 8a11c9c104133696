//! A module goes out with its data and comes back, while the shop is in use: nothing fails, nothing is lost, nothing happens twice.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use system_tests::operator::{Desk, order, run, status};
use system_tests::shop::Shop;
use system_tests::wait::until;

use crate::books;
use crate::customers::Customers;
use crate::desk::Manner;
use crate::peel::tell;

const CUSTOMERS: usize = 6;
const SOON: Duration = Duration::from_secs(60);
/// Longest pause that the switch may take here. The machine is busy with other tests: it is the bench that measures.
const MAX_PAUSE: &str = "4s";

/// How often each module goes out and back: `BANYAN_TEST_ROUNDS`, or four times.
fn rounds() -> usize {
    std::env::var("BANYAN_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(4)
}

/// Where a module's data goes.
pub(crate) fn elsewhere(shop: &Shop, module: &str) -> String {
    format!("sqlite:{}", shop.server.data_dir().join(format!("moved/{module}.db")).display())
}

/// Takes a module out with its data, by the command line.
pub(crate) fn take_out(shop: &Shop, module: &str) -> String {
    let store = elsewhere(shop, module);
    let extract =
        ["extract", module, "--spawn", "--data", "move", "--store", &store, "--max-pause", MAX_PAUSE];
    tokio::task::block_in_place(|| order(&shop.server, &extract))
}

/// Brings it back, and the watch over it to its end.
pub(crate) fn bring_back(shop: &Shop, module: &str) {
    tokio::task::block_in_place(|| {
        order(&shop.server, &["absorb", module, "--max-pause", MAX_PAUSE]);
    });
}

pub(crate) fn complete(shop: &Shop, module: &str) {
    tokio::task::block_in_place(|| drop(order(&shop.server, &["complete", module])));
}

/// Names of what lies in a directory, but for SQLite's own files beside a store.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    let mut names: Vec<String> =
        names.filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm")).collect();
    names.sort();
    names
}

async fn goes_out_with_its_data_under_load(module: &'static str) {
    let shop = Shop::open();
    let began = Instant::now();
    let customers = Customers::let_in(&shop, CUSTOMERS, Manner::Strict).await;
    for round in 0..rounds() {
        take_out(&shop, module);
        let now = status(&shop.server, module);
        assert_eq!(
            (&now["placement"], &now["handover"]["state"]),
            (&"node".into(), &"watched".into()),
            "{now}"
        );
        let before = customers.visits();
        until(SOON, "customers to go on", async || (customers.visits() >= before + 6).then_some(())).await;
        if round == 1 {
            // The watch ends, and the next way back begins with a copy.
            complete(&shop, module);
        }
        bring_back(&shop, module);
        let now = status(&shop.server, module);
        assert_eq!(
            (&now["placement"], &now["handover"]["state"]),
            (&"home".into(), &"watched".into()),
            "{now}"
        );
        let before = customers.visits();
        until(SOON, "customers to go on", async || (customers.visits() >= before + 6).then_some(())).await;
    }
    complete(&shop, module);
    let told = customers.leave().await;
    let receipts = order(&shop.server, &["receipt", "list", "--json"]);
    let pauses: Vec<u64> = receipts.lines().filter_map(pause_ms).collect();
    tell(&format!(
        "{module}: {} rounds in {:?}, {} visits, {} requests, {} failed, slowest {} ms, {} orders, pauses {pauses:?} ms",
        rounds(),
        began.elapsed(),
        told.visits,
        told.tally.requests(),
        told.tally.complaints().0,
        told.tally.longest_ms(),
        told.deeds.len(),
    ));
    books::close(&shop, &told).await;
    assert_eq!(pauses.len(), rounds() * 2, "each way has its receipt");
    for receipt in receipts.lines() {
        let receipt: Value = serde_json::from_str(receipt).expect("JSON");
        let id = receipt["receipt"]["handover"]["id"].as_str().expect("an id");
        order(&shop.server, &["receipt", "verify", id]);
    }
    leaves_nothing(&shop, module);
}

fn pause_ms(receipt: &str) -> Option<u64> {
    let receipt: Value = serde_json::from_str(receipt).ok()?;
    receipt.pointer("/receipt/handover/facts/pause_us")?.as_u64().map(|micros| micros / 1000)
}

/// SQLite's own files beside a store that is not there any more.
fn orphans(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let orphaned = |path: &std::path::PathBuf| {
        let name = path.to_str().expect("a name");
        let store = name.strip_suffix("-wal").or_else(|| name.strip_suffix("-shm"));
        store.is_some_and(|store| !Path::new(store).exists())
    };
    entries.map(|entry| entry.path()).filter(orphaned).collect()
}

/// What is left of handovers that have ended: stores that were put aside, under names that say so, and nothing else.
pub(crate) fn leaves_nothing(shop: &Shop, module: &str) {
    let data = shop.server.data_dir();
    let orphans = [orphans(data), orphans(&data.join("moved"))].concat();
    assert!(orphans.is_empty(), "{orphans:?}");
    let aside = |name: &String| name.contains(".db.epoch-");
    let left: Vec<String> = files(&data.join("moved")).into_iter().filter(|name| !aside(name)).collect();
    assert!(left.is_empty(), "{left:?}");
    let stores: Vec<String> =
        files(data).into_iter().filter(|name| name.contains(".db") && !aside(name)).collect();
    assert_eq!(stores, ["control.db", "order.db", "product.db", "user.db"]);
    let left = objects(&data.join(format!("{module}.db")));
    assert!(left.is_empty(), "{left:?}");
}

/// Triggers and tables of a handover in a store.
fn objects(path: &Path) -> Vec<String> {
    use diesel::prelude::*;
    #[derive(QueryableByName)]
    struct Name {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let mut store = system_tests::raw::open(path);
    let names: Vec<Name> = diesel::sql_query(
        "SELECT name FROM sqlite_schema WHERE name LIKE 'capture%' OR name LIKE 'handover%'
         UNION ALL SELECT 'sealed, or under a handover' FROM ownership WHERE sealed OR operation IS NOT NULL",
    )
    .load(&mut store)
    .expect("the store can be read");
    names.into_iter().map(|name| name.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_module_goes_out_with_its_data_and_back_under_load() {
    goes_out_with_its_data_under_load("user").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_product_module_goes_out_with_its_data_and_back_under_load() {
    goes_out_with_its_data_under_load("product").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_module_goes_out_with_its_data_and_back_under_load() {
    goes_out_with_its_data_under_load("order").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_measures_the_pause_and_changes_nothing() {
    let shop = Shop::open();
    let store = elsewhere(&shop, "order");
    let rehearse = [
        "extract",
        "order",
        "--spawn",
        "--data",
        "move",
        "--store",
        &store,
        "--rehearse",
        "--max-pause",
        MAX_PAUSE,
    ];
    let said = tokio::task::block_in_place(|| order(&shop.server, &rehearse));
    assert!(said.contains("requests waited for"), "{said}");
    assert_eq!(status(&shop.server, "order")["placement"], "home");
    leaves_nothing(&shop, "order");
    until(SOON, "the node to end", async || shop.server.spawned().is_empty().then_some(())).await;
    // The shop goes on in an epoch of its own.
    let somebody = shop.somebody().await;
    let article = shop.article(5).await;
    let bought = shop.buy(&somebody, &article, "ok").await;
    shop.settled(&somebody, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_cannot_be_carried_out_is_refused_with_what_would_help() {
    let shop = Shop::open();
    let refused = |arguments: &[&str]| {
        let ended = tokio::task::block_in_place(|| run(&shop.server, arguments));
        assert_ne!(ended.code, 0, "{arguments:?}: {ended:?}");
        ended.stderr + &ended.stdout
    };
    let extract = |store: &str| refused(&["extract", "order", "--spawn", "--data", "move", "--store", store]);
    assert!(extract("postgres://u:secret@h/d").contains("only stores on SQLite"));
    assert!(extract("order.db").contains("--store"));
    let taken = shop.server.data_dir().join("taken.db");
    std::fs::write(&taken, "a letter").expect("a file");
    let said = extract(&format!("sqlite:{}", taken.display()));
    assert!(said.contains("there is a file") && said.contains("name another store"), "{said}");
    assert_eq!(std::fs::read(&taken).expect("a file"), b"a letter");
    assert!(refused(&["extract", "order", "--spawn", "--data", "move"]).contains("--store"));
    assert!(refused(&["complete", "order"]).contains("no handover of order waits"));
    // Half of what a move needs is no order to shift traffic.
    for half in
        [&["--rehearse"][..], &["--store", "sqlite:/nowhere/order.db"], &["--data", "shared", "--rehearse"]]
    {
        let said = refused(&[&["extract", "order", "--spawn"], half].concat());
        assert!(said.contains("add --data move"), "{said}");
    }
    let rehearse = serde_json::json!({"module": "order", "weights": [100], "hold_ms": 0, "rehearse": true});
    let asked = Desk::of(&shop.server).post("/_admin/extract").json(&rehearse).send().await;
    assert!(asked.expect(409).text.contains("name a store"));
    assert_eq!(status(&shop.server, "order")["placement"], "home");
    let store = elsewhere(&shop, "order");
    let long = ["extract", "order", "--spawn", "--data", "move", "--store", &store, "--max-pause", "9s"];
    assert!(refused(&long).contains("--max-pause"));
    take_out(&shop, "order");
    assert!(refused(&["extract", "order", "--spawn"]).contains("banyan complete order"));
    assert!(refused(&["receipt", "verify", "opn_nothing"]).contains("receipt list"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_started_again_finds_its_modules_where_their_data_is() {
    let mut shop = Shop::open();
    let somebody = shop.somebody().await;
    let article = shop.article(5).await;
    take_out(&shop, "order");
    take_out(&shop, "product");
    complete(&shop, "order");
    let (address, processes) = (shop.server.address().to_owned(), shop.server.spawned());
    shop.server.kill();
    shop.reopen(shop.server.options().listen(&address));
    until(SOON, "the modules to be found", async || {
        let carts = shop.client.post("/api/v1/carts").bearer(&somebody.token).json(&serde_json::json!({}));
        let product = shop.client.get(&format!("/api/v1/products/{}", article.product_id));
        (carts.send().await.status == 201 && product.send().await.status == 200).then_some(())
    })
    .await;
    let bought = shop.buy(&somebody, &article, "ok").await;
    shop.settled(&somebody, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
    assert_eq!(shop.server.spawned(), processes, "none was started again");
    // Commands find them there, too.
    order(&shop.server, &["rebuild", "order"]);
    bring_back(&shop, "order");
    bring_back(&shop, "product");
    complete(&shop, "order");
    complete(&shop, "product");
    leaves_nothing(&shop, "order");
    leaves_nothing(&shop, "product");
}

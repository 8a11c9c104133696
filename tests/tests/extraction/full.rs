//! Disks that are full while a module changes hands: at the new store, at the old one, at the control store. Each is a file system
//! of its own, of a few megabytes, in memory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use serde_json::{Value, json};
use system_tests::operator::{Desk as Operator, order, run, status};
use system_tests::server::ServerOptions;
use system_tests::shop::Shop;
use system_tests::wait::until;

use crate::moving::{bring_back, complete, leaves_nothing};
use crate::peel::tell;

const SOON: Duration = Duration::from_secs(60);
/// What is written to fill a disk.
const BLOCK: usize = 64 << 10;

/// A file system of its own. Gone when it is dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None`, and a loud word, where nobody may mount anything.
    fn mount(mebibytes: u32) -> Option<Self> {
        let place = tempfile::Builder::new().prefix("banyan-disk-").tempdir().expect("a directory").keep();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&place).output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(place));
        }
        assert!(std::env::var_os("CI").is_none(), "this test must be able to mount a file system");
        tell("NOT TESTED: a full disk. It takes a file system of its own, and only root may mount one.");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        use std::io::Write as _;
        let mut file = std::fs::File::create(self.path("filling")).expect("a file");
        for block in [BLOCK, 512, 1] {
            while file.write_all(&vec![7; block]).is_ok() {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.path("filling")).expect("the filling can be removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let gone = Command::new("umount").arg("--lazy").arg(&self.0).status();
        if gone.is_ok_and(|gone| gone.success()) {
            drop(std::fs::remove_dir(&self.0));
        }
    }
}

fn url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

fn extract(shop: &Shop, store: &str) -> (i32, String) {
    let extract = ["extract", "order", "--spawn", "--data", "move", "--store", store, "--max-pause", "5s"];
    let ended = tokio::task::block_in_place(|| run(&shop.server, &extract));
    (ended.code, ended.stdout + &ended.stderr)
}

async fn sells(shop: &Shop) {
    let (somebody, article) = (shop.somebody().await, shop.article(5).await);
    let bought = shop.buy(&somebody, &article, "ok").await;
    shop.settled(&somebody, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
}

/// Starts home again, to halt at `point` if there is one.
fn restart(shop: &mut Shop, point: &str) {
    let address = shop.server.address().to_owned();
    shop.server.kill();
    let options = shop.server.options().listen(&address);
    shop.reopen(options.setting("BANYAN__TESTING__HALT_AT", point));
}

/// Takes the order module out, and halts home at `point`, where it is killed.
async fn stop_at(shop: &mut Shop, store: &str, point: &str) {
    restart(shop, point);
    let operator = Operator::of(&shop.server);
    let body =
        json!({"module": "order", "weights": [100], "hold_ms": 0, "store": store, "max_pause_ms": 5000});
    operator.post("/_admin/extract").json(&body).send().await.expect(202);
    shop.server.wait_for_log(&format!("halted at {point}"), SOON);
    shop.server.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_store_whose_disk_is_full_sends_the_module_back_and_costs_nothing() {
    let Some(disk) = Disk::mount(40) else { return };
    let mut shop = Shop::open();
    let store = url(&disk.path("order.db"));
    // While it is copied, and while changes are brought to it.
    for point in ["prepared", "catching_up"] {
        stop_at(&mut shop, &store, point).await;
        disk.fill();
        restart(&mut shop, "");
        let back = until(SOON, "it to go back", async || {
            // Something to bring over, if that is what it is at.
            sells(&shop).await;
            let now = status(&shop.server, "order");
            (now["handover"].is_null() && now["placement"] == "home").then_some(now)
        })
        .await;
        assert_eq!(back["epoch"], 1, "it was never sealed: {back}");
        let receipts = order(&shop.server, &["receipt", "list", "--json"]);
        let last: Value = serde_json::from_str(receipts.lines().next().expect("a receipt")).expect("JSON");
        let why = last.pointer("/receipt/handover/reason").and_then(Value::as_str).unwrap_or_default();
        assert!(why.contains("full") || why.contains("MiB free"), "{point}: {why}");
        assert!(!disk.path("order.db").exists() && !disk.path("order.db.copying").exists());
        disk.free();
    }
    let (code, said) = extract(&shop, &store);
    assert_eq!(code, 0, "{said}");
    sells(&shop).await;
    bring_back(&shop, "order");
    complete(&shop, "order");
    leaves_nothing(&shop, "order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_enough_room_is_refused_before_anything_is_copied() {
    let Some(disk) = Disk::mount(4) else { return };
    let shop = Shop::open();
    let (code, said) = extract(&shop, &url(&disk.path("order.db")));
    assert_eq!(code, 75, "{said}");
    assert!(said.contains("MiB") && said.contains("free"), "{said}");
    sells(&shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_store_whose_disk_is_full_keeps_its_module_and_says_why() {
    let Some(disk) = Disk::mount(40) else { return };
    let store = url(&disk.path("order.db"));
    let shop = Shop::open_with(ServerOptions::default().setting("BANYAN__DATA__STORES__ORDER", &store));
    sells(&shop).await;
    // The log may have room of its own.
    fold(&disk.path("order.db"));
    disk.fill();
    let elsewhere = url(&shop.server.data_dir().join("moved/order.db"));
    let (code, said) = extract(&shop, &elsewhere);
    assert_eq!(code, 75, "{said}");
    assert!(said.contains("full"), "{said}");
    assert_eq!(status(&shop.server, "order")["placement"], "home");
    disk.free();
    sells(&shop).await;
    let (code, said) = extract(&shop, &elsewhere);
    assert_eq!(code, 0, "{said}");
    sells(&shop).await;
    bring_back(&shop, "order");
    sells(&shop).await;
}

/// Folds a store's log into its file.
fn fold(path: &Path) {
    let mut store = system_tests::raw::open(path);
    store
        .batch_execute("PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(TRUNCATE)")
        .expect("it can be folded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_store_whose_disk_is_full_stops_a_handover_where_it_is_until_there_is_room() {
    let Some(disk) = Disk::mount(24) else { return };
    let stores = tempfile::tempdir().expect("a directory");
    let mut options = ServerOptions::default().data_dir(disk.path("data"));
    for module in ["user", "product", "order"] {
        let store = url(&stores.path().join(format!("{module}.db")));
        options = options.setting(&format!("BANYAN__DATA__STORES__{}", module.to_uppercase()), store);
    }
    let shop = Shop::open_with(options);
    let operator = Operator::of(&shop.server);
    let store = url(&stores.path().join("moved.db"));
    let body =
        json!({"module": "order", "weights": [100], "hold_ms": 0, "store": store, "max_pause_ms": 5000});
    // While somebody keeps the old store locked nothing can be copied.
    let mut locked = system_tests::raw::open(&stores.path().join("order.db"));
    locked.batch_execute("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE").expect("the lock");
    let begun = operator.post("/_admin/extract").json(&body).send().await.expect(202).body;
    let path = format!("/_admin/handovers/{}", begun["id"].as_str().expect("an id"));
    until(SOON, "the node to join", async || {
        let nodes = operator.get("/_admin/status").send().await.body["nodes"].clone();
        (nodes[0]["alive"] == true).then_some(())
    })
    .await;
    fold(&shop.server.data_dir().join("control.db"));
    disk.fill();
    locked.batch_execute("ROLLBACK").expect("it is given up");
    shop.server.wait_for_log("full", SOON);
    let held = operator.get(&path).send().await.body["state"].clone();
    // The shop is not concerned, and an order that cannot be written down is not carried out.
    sells(&shop).await;
    let another =
        json!({"module": "user", "weights": [100], "hold_ms": 0, "store": url(&stores.path().join("u.db"))});
    let refused = operator.post("/_admin/extract").json(&another).send().await;
    assert!(refused.status >= 500, "{refused}");
    assert_eq!(operator.get(&path).send().await.body["state"], held);
    disk.free();
    until(SOON, "it to go on", async || {
        (operator.get(&path).send().await.body["state"] == "watched").then_some(())
    })
    .await;
    sells(&shop).await;
    bring_back(&shop, "order");
    complete(&shop, "order");
}

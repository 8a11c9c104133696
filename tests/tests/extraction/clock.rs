//! A wall clock that jumps while a module changes hands: nothing that is decided may depend on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use system_tests::operator::run;
use system_tests::server::ServerOptions;
use system_tests::shop::Shop;
use system_tests::wait::until;

use crate::moving::{complete, elsewhere, leaves_nothing};

const SOON: Duration = Duration::from_secs(60);
/// A library that lets the wall clock of a process be what a file says, and where Debian's package puts it.
const FAKE: &str = "libfaketime";
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_by_an_hour_there_and_back_changes_nothing() {
    let library = std::env::var("BANYAN_TEST_FAKETIME").ok().map(std::path::PathBuf::from).or_else(installed);
    let library = library.unwrap_or_else(|| panic!("{FAKE} is not installed; tests/run installs it"));
    let clock = tempfile::NamedTempFile::new().expect("a file");
    let jump = |by: &str| std::fs::write(clock.path(), by).expect("the clock can be set");
    jump("+0");
    let options = ServerOptions::default()
        .setting("LD_PRELOAD", library.to_str().expect("a path"))
        .setting("FAKETIME_TIMESTAMP_FILE", clock.path().to_str().expect("a path"))
        .setting("FAKETIME_NO_CACHE", "1")
        .setting("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .setting("FAKETIME_FORCE_MONOTONIC_FIX", "0");
    let shop = Shop::open_with(options);
    let (somebody, article) = (shop.somebody().await, shop.article(50).await);
    let jumping = Arc::new(AtomicBool::new(true));
    let jumps = tokio::spawn({
        let (jumping, path) = (Arc::clone(&jumping), clock.path().to_owned());
        async move {
            let mut tick = tokio::time::interval(Duration::from_millis(15));
            let mut jumps = 0_usize;
            while jumping.load(Ordering::Relaxed) {
                tick.tick().await;
                let by = ["+3600", "-3600", "+0", "+86400", "+0"][jumps % 5];
                std::fs::write(&path, by).expect("the clock can be set");
                jumps += 1;
            }
            jumps
        }
    });
    let store = elsewhere(&shop, "order");
    let extract = ["extract", "order", "--spawn", "--data", "move", "--store", &store, "--max-pause", "5s"];
    for command in [&extract[..], &["absorb", "order", "--max-pause", "5s"]] {
        let ended = tokio::task::block_in_place(|| run(&shop.server, command));
        assert_eq!(ended.code, 0, "{command:?}: {ended:?}");
    }
    jumping.store(false, Ordering::Relaxed);
    assert!(jumps.await.expect("it jumps") > 10);
    jump("+0");
    complete(&shop, "order");
    leaves_nothing(&shop, "order");
    // A session of before is good again, and the shop sells.
    let bought = until(SOON, "a purchase", async || {
        let carts = shop.client.post("/api/v1/carts").bearer(&somebody.token).json(&serde_json::json!({}));
        if carts.send().await.status != 201 {
            return None;
        }
        Some(shop.buy(&somebody, &article, "ok").await)
    })
    .await;
    shop.settled(&somebody, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
}

fn installed() -> Option<std::path::PathBuf> {
    let directories = ["/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"];
    directories
        .into_iter()
        .map(|directory| std::path::Path::new(directory).join(LIBRARY))
        .find(|path| path.exists())
}

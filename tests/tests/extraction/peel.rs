//! A module goes out and comes back while the shop is in use: nothing fails, nothing is lost, nothing happens twice.

use std::time::{Duration, Instant};

use system_tests::operator::{Ended, order, run, status};
use system_tests::shop::Shop;
use system_tests::wait::until;

use crate::books;
use crate::customers::{Customers, SCARCE};
use crate::desk::Manner;

const CUSTOMERS: usize = 6;
/// How often a peel may be undone because the node is slow: the machine is busy with other tests.
const SLOW: usize = 5;
/// How long customers may take to buy out what is scarce.
const BOUGHT_OUT: Duration = Duration::from_secs(60);

/// How often each module goes out and back: `BANYAN_TEST_ROUNDS`, or twenty times.
fn rounds() -> usize {
    std::env::var("BANYAN_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(20)
}

async fn goes_out_and_back_under_load(module: &'static str) {
    let shop = Shop::open();
    let began = Instant::now();
    let mut customers = Customers::let_in(&shop, CUSTOMERS, Manner::Strict).await;
    let mut undone = 0;
    for _ in 0..rounds() {
        let scarce = customers.offer_something_scarce(&shop).await;
        undone += extracted(&shop, module);
        assert_eq!(status(&shop.server, module)["placement"], "node");
        assert_eq!(shop.server.spawned().len(), 1, "the module runs in a process of its own");
        let before = customers.visits();
        until(BOUGHT_OUT, "customers to go on", async || (customers.visits() >= before + 6).then_some(()))
            .await;
        tokio::task::block_in_place(|| {
            order(&shop.server, &["absorb", module, "--weights", "50,10,1,0", "--hold", "200ms"]);
        });
        assert_eq!(status(&shop.server, module)["placement"], "home");
        until(BOUGHT_OUT, "the node to end", async || shop.server.spawned().is_empty().then_some(())).await;
        until(BOUGHT_OUT, "what is scarce to be sold out", async || {
            (shop.available(&scarce).await == 0).then_some(())
        })
        .await;
    }
    let told = customers.leave().await;
    tell(&format!(
        "{module}: {} rounds in {:?}, {} visits, {} requests, {} failed, slowest {} ms, {} orders, undone {undone}",
        rounds(),
        began.elapsed(),
        told.visits,
        told.tally.requests(),
        told.tally.complaints().0,
        told.tally.longest_ms(),
        told.deeds.len(),
    ));
    books::close(&shop, &told).await;
    // N buyers and k units: exactly k are confirmed.
    for (article, stock) in told.stocked.iter().filter(|(_, stock)| *stock == SCARCE).skip(1) {
        let of_it = told.deeds.iter().filter(|deed| deed.variant_id == article.variant_id);
        let confirmed = of_it.filter(|deed| deed.status == "confirmed").count();
        assert_eq!(i64::try_from(confirmed), Ok(*stock));
    }
}

/// Takes the module out, and gives how often it took another try because the node was found to be slow. That is no fault: it is
/// what the gate is for, and customers must not notice.
fn extracted(shop: &Shop, module: &str) -> usize {
    let extract = ["extract", module, "--spawn", "--weights", "1,10,50,100", "--hold", "200ms"];
    for undone in 0..SLOW {
        let ended: Ended = tokio::task::block_in_place(|| run(&shop.server, &extract));
        match ended.code {
            0 => return undone,
            75 if ended.stdout.contains("percentile") || ended.stderr.contains("percentile") => {}
            _ => panic!("{ended:?}"),
        }
    }
    panic!("{module} was found to be slow {SLOW} times");
}

#[expect(clippy::print_stderr, reason = "the figures, for who runs the suite with --nocapture")]
pub(crate) fn tell(figures: &str) {
    eprintln!("{figures}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_module_goes_out_and_back_under_load() {
    goes_out_and_back_under_load("user").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_product_module_goes_out_and_back_under_load() {
    goes_out_and_back_under_load("product").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_module_goes_out_and_back_under_load() {
    goes_out_and_back_under_load("order").await;
}

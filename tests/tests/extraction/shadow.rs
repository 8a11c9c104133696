//! Reads that are copied to a node and compared before any client is sent there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use system_tests::client::Client;
use system_tests::operator::{order, run, status};
use system_tests::server::{Server, ServerOptions};
use system_tests::shop::Shop;
use system_tests::wait::until;
use tokio::task::JoinHandle;

const SHADOW: [&str; 6] = ["--weights", "100", "--hold", "0ms", "--shadow", "1s"];

/// Reads the catalogue until it is told to stop. No read may fail.
struct Readers {
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Readers {
    fn read(client: &Client) -> Self {
        let (client, stop) = (client.clone(), Arc::new(AtomicBool::new(false)));
        let until = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            while !until.load(Ordering::Relaxed) {
                client.get("/api/v1/products?limit=3").send().await.expect(200);
                client.get("/api/v1/products?sort=price&limit=2").send().await.expect(200);
                client.get("/api/v1/products/nowhere").send().await.expect(404);
            }
        });
        Self { stop, task }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("no read failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_answers_alike_passes_and_is_only_asked_for_reads() {
    let shop = Shop::open();
    let readers = Readers::read(&shop.client);
    let told = tokio::task::block_in_place(|| {
        order(&shop.server, &[&["extract", "product", "--spawn"][..], &SHADOW].concat())
    });
    assert!(told.contains("copied to the node") && told.contains("runs at the node"), "{told}");
    readers.end().await;
    let shadow = &status(&shop.server, "product")["shadow"];
    assert!(shadow["compared"].as_u64() >= Some(20), "{shadow}");
    assert_eq!((&shadow["unreachable"], &shadow["differences"]), (&0.into(), &serde_json::json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_answers_something_else_gets_no_client_and_the_place_of_the_difference_is_named() {
    let shop = Shop::open();
    // A node over a store of its own, whose products have other ids: up, quick, and wrong.
    let other = shop.server.data_dir().join("other.db");
    let options = ServerOptions::default().data_dir(shop.server.data_dir());
    let options = options.setting("BANYAN__DATA__STORES__PRODUCT", format!("sqlite:{}", other.display()));
    let options = options.argument("--modules").argument("product").argument("--home");
    let node = Server::start_with(options.argument(shop.server.base_url()));
    let readers = Readers::read(&shop.client);
    let extract = ["extract", "product", "--to", node.base_url()];
    let ended = until(Duration::from_secs(30), "the node to have joined", async || {
        let ended = tokio::task::block_in_place(|| run(&shop.server, &[&extract[..], &SHADOW].concat()));
        (!ended.stderr.contains("no node has joined")).then_some(ended)
    })
    .await;
    assert_eq!(ended.code, 75, "{ended:?}");
    assert!(ended.stderr.contains("$.") && ended.stderr.contains("differs in"), "{ended:?}");
    readers.end().await;
    let module = status(&shop.server, "product");
    assert_eq!((&module["placement"], &module["away"]["requests"]), (&"home".into(), &0.into()), "{module}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_reads_to_compare_nothing_is_proved_and_the_module_stays() {
    let shop = Shop::open();
    let extract = ["extract", "order", "--spawn", "--weights", "100", "--hold", "0ms", "--shadow", "200ms"];
    let ended = run(&shop.server, &extract);
    assert!(ended.code == 75 && ended.stderr.contains("too few reads"), "{ended:?}");
    assert_eq!(status(&shop.server, "order")["placement"], "home");
}

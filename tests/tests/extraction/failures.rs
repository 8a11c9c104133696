//! Processes that die while modules are out.

use std::time::{Duration, Instant};

use system_tests::operator::{order, run, status};
use system_tests::server::{Server, ServerOptions};
use system_tests::shop::Shop;
use system_tests::wait::until;

use crate::instances::alive;

const SOON: Duration = Duration::from_secs(30);

fn peel(shop: &Shop, module: &str) {
    order(&shop.server, &["extract", module, "--spawn", "--weights", "100", "--hold", "0ms"]);
}

/// Starts a node that home did not start, which nobody starts again.
fn node(shop: &Shop, module: &str) -> Server {
    let options = ServerOptions::default().data_dir(shop.server.data_dir());
    let options = options.argument("--modules").argument(module).argument("--home");
    Server::start_with(options.argument(shop.server.base_url()))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_order_node_dead_browsing_and_login_work_and_orders_say_when_to_try_again() {
    let shop = Shop::open();
    let somebody = shop.somebody().await;
    let mut order_node = node(&shop, "order");
    let url = order_node.base_url().to_owned();
    until(SOON, "the node to join", async || {
        let extract = ["extract", "order", "--to", &url, "--weights", "100", "--hold", "0ms"];
        (run(&shop.server, &extract).code == 0).then_some(())
    })
    .await;
    shop.client.get("/api/v1/orders").bearer(&somebody.token).send().await.expect(200);

    order_node.kill();
    let began = Instant::now();
    let dead = shop.client.get("/api/v1/orders").bearer(&somebody.token).send().await.expect(503);
    assert_eq!(dead.error_code(), "MODULE_UNAVAILABLE");
    assert!(dead.header("retry-after").is_some());
    assert!(began.elapsed() < Duration::from_secs(5), "it is told at once");
    shop.client.get("/api/v1/products").send().await.expect(200);
    shop.log_in(&somebody.email, &somebody.password).await;

    order(&shop.server, &["rollback", "order"]);
    shop.client.get("/api/v1/orders").bearer(&somebody.token).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_home_started_and_that_was_killed_is_started_again_and_its_traffic_returns() {
    let shop = Shop::open();
    let (somebody, article) = (shop.somebody().await, shop.article(10).await);
    peel(&shop, "order");
    let before = shop.server.spawned();
    shop.server.kill_spawned();
    until(SOON, "orders to be answered again", async || {
        let orders = shop.client.get("/api/v1/orders").bearer(&somebody.token).send().await;
        assert!([200, 502, 503].contains(&orders.status), "{}", orders.text);
        (orders.status == 200).then_some(())
    })
    .await;
    assert_ne!(shop.server.spawned(), before);
    let bought = shop.buy(&somebody, &article, "ok").await;
    shop.settled(&somebody, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_was_killed_finds_its_nodes_again_when_it_starts() {
    let mut shop = Shop::open_with(ServerOptions::default());
    let somebody = shop.somebody().await;
    peel(&shop, "user");
    peel(&shop, "order");
    let processes = shop.server.spawned();
    shop.server.kill();
    // At another address than before: it tells them.
    shop.reopen(shop.server.options());
    until(SOON, "the user module to be answered", async || {
        let me = shop.client.get("/api/v1/users/me").bearer(&somebody.token).send().await;
        (me.status == 200).then_some(())
    })
    .await;
    for (module, placement) in [("user", "node"), ("product", "home"), ("order", "node")] {
        assert_eq!(status(&shop.server, module)["placement"], placement, "{module}");
    }
    until(SOON, "both to follow", async || {
        ["user", "order"].map(|module| alive(&shop, module).len()).eq(&[1, 1]).then_some(())
    })
    .await;
    assert_eq!(shop.server.spawned(), processes, "none was started again");
    order(&shop.server, &["rollback", "user"]);
    assert_eq!(status(&shop.server, "user")["placement"], "home");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_a_home_before_this_one_started_may_be_silent_for_a_while() {
    let mut shop = Shop::open();
    let somebody = shop.somebody().await;
    peel(&shop, "order");
    let processes = shop.server.spawned();
    shop.server.kill();
    shop.reopen(shop.server.options());
    let one_is_alive = async || (alive(&shop, "order").len() == 1).then_some(());
    until(SOON, "the node to introduce itself", one_is_alive).await;
    let signal = |signal: &str| {
        let sent = std::process::Command::new("kill").args([signal, &processes[0].to_string()]).status();
        assert!(sent.expect("kill").success());
    };
    signal("-STOP");
    until(SOON, "it to be taken for dead", async || alive(&shop, "order").is_empty().then_some(())).await;
    signal("-CONT");
    until(SOON, "it to be heard of again", one_is_alive).await;
    shop.client.get("/api/v1/orders").bearer(&somebody.token).send().await.expect(200);
    assert_eq!(shop.server.nodes(), processes, "it was not replaced");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_both_killed_in_the_middle_of_an_extract_the_module_ends_at_one_place() {
    let mut shop = Shop::open();
    let mut extracting = std::process::Command::new(system_tests::binary::banyan())
        .args(["extract", "order", "--spawn", "--weights", "10,50,100", "--hold", "1s"])
        .env("BANYAN__DATA__DIRECTORY", shop.server.data_dir())
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("banyan can be started");
    until(SOON, "the first weight", async || {
        (status(&shop.server, "order")["weight"].as_u64() >= Some(10)).then_some(())
    })
    .await;
    shop.server.kill();
    shop.server.kill_spawned();
    let _ended = extracting.kill();
    let _status = extracting.wait();

    shop.reopen(shop.server.options());
    let somebody = shop.somebody().await;
    until(Duration::from_secs(60), "the operation to end", async || {
        let module = status(&shop.server, "order");
        (!module["operation"]["ended_at"].is_null()).then_some(())
    })
    .await;
    let module = status(&shop.server, "order");
    assert!(["home", "node"].contains(&module["placement"].as_str().expect("a placement")), "{module}");
    until(SOON, "orders to be answered", async || {
        let orders = shop.client.get("/api/v1/orders").bearer(&somebody.token).send().await;
        (orders.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_ends_in_order_ends_the_nodes_that_it_started() {
    let mut shop = Shop::open();
    peel(&shop, "product");
    assert_eq!(shop.server.spawned().len(), 1);
    assert!(shop.server.terminate().success());
    until(SOON, "the node to end", async || shop.server.spawned().is_empty().then_some(())).await;
}

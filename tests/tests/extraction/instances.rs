//! A module on several nodes at once.

use std::time::Duration;

use serde_json::Value;
use system_tests::client::Client;
use system_tests::operator::{order, run, status};
use system_tests::server::{Server, ServerOptions};
use system_tests::shop::{Shop, fresh_key};
use system_tests::wait::until;

use crate::moving::elsewhere;

const SOON: Duration = Duration::from_secs(30);

/// Clients of the nodes that are alive and host the module.
pub(crate) fn alive(shop: &Shop, module: &str) -> Vec<Client> {
    let status: Value = serde_json::from_str(&order(&shop.server, &["status", "--json"])).expect("JSON");
    let nodes = status["nodes"].as_array().expect("nodes").iter();
    let nodes = nodes.filter(|node| {
        let hosts = node["modules"].as_array().expect("modules").contains(&Value::from(module));
        node["alive"] == true && hosts
    });
    nodes.map(|node| Client::new(node["url"].as_str().expect("a URL"))).collect()
}

/// Requests that a node has answered under this path.
async fn answered(node: &Client, path: &str) -> u64 {
    let metrics = node.get("/metrics").send().await.expect(200).text;
    let lines =
        metrics.lines().filter(|line| line.starts_with("banyan_http_requests_total") && line.contains(path));
    lines.map(|line| line.rsplit(' ').next().expect("a count").parse::<u64>().expect("a number")).sum()
}

fn own_node(shop: &Shop, module: &str) -> Server {
    let options = ServerOptions::default().data_dir(shop.server.data_dir());
    let options = options.argument("--modules").argument(module).argument("--home");
    Server::start_with(options.argument(shop.server.base_url()))
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_calls_are_spread_over_all_instances_and_the_death_of_one_costs_no_read() {
    let shop = Shop::open();
    let article = shop.article(50).await;
    let product = format!("/api/v1/products/{}", article.product_id);
    order(
        &shop.server,
        &["extract", "product", "--spawn", "--instances", "3", "--weights", "100", "--hold", "0ms"],
    );
    assert_eq!(status(&shop.server, "product")["nodes"].as_array().expect("nodes").len(), 3);
    assert_eq!(shop.server.spawned().len(), 3);

    let nodes = alive(&shop, "product");
    assert_eq!(nodes.len(), 3);
    for _ in 0..60 {
        shop.client.get(&product).send().await.expect(200);
    }
    let customers = [shop.somebody().await, shop.somebody().await, shop.somebody().await];
    for customer in customers.iter().cycle().take(12) {
        let bought = shop.buy(customer, &article, "ok").await;
        shop.settled(customer, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
    }
    for node in &nodes {
        assert!(answered(node, "/api/v1/products").await > 0, "requests go to every instance");
        assert!(answered(node, "/_internal/").await > 0, "so do the order module's calls");
    }

    let before = shop.server.spawned();
    shop.server.kill_one_spawned();
    for _ in 0..60 {
        shop.client.get(&product).send().await.expect(200);
    }
    let bought = shop.buy(&customers[0], &article, "ok").await;
    shop.settled(&customers[0], bought["id"].as_str().expect("an id"), &["confirmed"]).await;
    until(SOON, "the third to be started again", async || {
        let now = shop.server.spawned();
        (now.len() == 3 && now != before && alive(&shop, "product").len() == 3).then_some(())
    })
    .await;
    assert_eq!(shop.available(&article).await, 50 - 13);

    order(&shop.server, &["absorb", "product", "--weights", "0", "--hold", "0ms"]);
    until(SOON, "all three to end", async || shop.server.spawned().is_empty().then_some(())).await;
    shop.client.get(&product).send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_share_a_store_that_has_moved_and_one_that_is_started_again_costs_nothing() {
    let shop = Shop::open();
    let article = shop.article(50).await;
    let product = format!("/api/v1/products/{}", article.product_id);
    let store = elsewhere(&shop, "product");
    let extract = ["extract", "product", "--spawn", "--instances", "2", "--data", "move", "--store", &store];
    order(&shop.server, &[&extract[..], &["--max-pause", "4s"]].concat());
    let mut before = shop.server.spawned();
    assert_eq!(before.len(), 2);
    before.sort_unstable();
    let killed = before[0];
    let ended = std::process::Command::new("kill").args(["-9", &killed.to_string()]).status();
    assert!(ended.expect("kill").success());
    // As long as it takes until the new process has taken its share, no read fails.
    until(SOON, "the other to be started again and asked", async || {
        shop.client.get(&product).send().await.expect(200);
        let asked = async |node: Client| answered(&node, "/api/v1/products/").await > 0;
        let processes = shop.server.spawned();
        if processes.contains(&killed) || processes.len() < 2 {
            return None;
        }
        // The dead one is not among them any more: it was forgotten before the other was started.
        let mut now = alive(&shop, "product").into_iter();
        let (Some(one), Some(other)) = (now.next(), now.next()) else { return None };
        (asked(one).await && asked(other).await).then_some(())
    })
    .await;
    let somebody = shop.somebody().await;
    let bought = shop.buy(&somebody, &article, "ok").await;
    shop.settled(&somebody, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
    assert_eq!(shop.available(&article).await, 49);
    tokio::task::block_in_place(|| order(&shop.server, &["rollback", "product", "--max-pause", "4s"]));
    shop.client.get(&product).send().await.expect(200);
    assert_eq!(shop.available(&article).await, 49);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_an_operator_that_is_started_again_at_its_address_has_its_store_again() {
    let shop = Shop::open();
    let somebody = shop.somebody().await;
    let mut node = own_node(&shop, "order");
    let (url, address) = (node.base_url().to_owned(), node.address().to_owned());
    until(SOON, "it to join", async || (alive(&shop, "order").len() == 1).then_some(())).await;
    let store = elsewhere(&shop, "order");
    let extract =
        ["extract", "order", "--to", &url, "--data", "move", "--store", &store, "--max-pause", "4s"];
    order(&shop.server, &extract);
    node.kill();
    let options = node.options().listen(&address);
    drop(node);
    let node = Server::start_with(options);
    until(SOON, "orders to be answered again", async || {
        let orders = shop.client.get("/api/v1/orders").bearer(&somebody.token).send().await;
        (orders.status == 200).then_some(())
    })
    .await;
    let article = shop.article(5).await;
    let bought = shop.buy(&somebody, &article, "ok").await;
    shop.settled(&somebody, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
    assert!(answered(&node.client(), "/api/v1/carts").await > 0, "it is asked");
    // There is one such node, not one for each start.
    let status: Value = serde_json::from_str(&order(&shop.server, &["status", "--json"])).expect("JSON");
    assert_eq!(status["nodes"].as_array().expect("nodes").len(), 1);
    order(&shop.server, &["rollback", "order", "--max-pause", "4s"]);
    shop.client.get("/api/v1/orders").bearer(&somebody.token).send().await.expect(200);
    order(&shop.server, &["extract", "order", "--to", &url, "--weights", "100", "--hold", "0ms"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_goes_to_several_nodes_of_an_operator_and_stays_there_when_home_is_killed() {
    let mut shop = Shop::open();
    let somebody = shop.somebody().await;
    let mut nodes = [own_node(&shop, "order"), own_node(&shop, "order")];
    let urls = nodes.each_ref().map(|node| node.base_url().to_owned());
    until(SOON, "both to join", async || (alive(&shop, "order").len() == 2).then_some(())).await;

    let twice = run(&shop.server, &["extract", "order", "--to", &urls[0], "--to", &urls[0]]);
    assert!(twice.code != 0 && twice.stderr.contains("named twice"), "{twice:?}");
    let nowhere = run(&shop.server, &["extract", "order", "--to", &urls[0], "--to", "http://127.0.0.1:9"]);
    assert!(nowhere.code != 0 && nowhere.stderr.contains("no node has joined"), "{nowhere:?}");
    let many = run(&shop.server, &["extract", "order", "--spawn", "--instances", "9"]);
    assert!(many.code != 0 && many.stderr.contains("1 to 8"), "{many:?}");
    order(
        &shop.server,
        &["extract", "order", "--to", &urls[0], "--to", &urls[1], "--weights", "100", "--hold", "0ms"],
    );

    let where_it_was = shop.server.options().listen(shop.server.address());
    shop.server.kill();
    shop.reopen(where_it_was);
    until(SOON, "both to join again", async || (alive(&shop, "order").len() == 2).then_some(())).await;
    let orders = || shop.client.get("/api/v1/orders").bearer(&somebody.token).key(&fresh_key());
    for _ in 0..40 {
        orders().send().await.expect(200);
    }
    for node in &nodes {
        assert!(answered(&node.client(), "/api/v1/orders").await > 0);
    }
    let [first, _] = &mut nodes;
    first.kill();
    for _ in 0..40 {
        orders().send().await.expect(200);
    }
    assert_eq!(status(&shop.server, "order")["placement"], "node");
    order(&shop.server, &["rollback", "order"]);
    orders().send().await.expect(200);
}

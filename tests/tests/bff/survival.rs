//! What is left of a page when a module is gone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use system_tests::operator::{order, run};
use system_tests::server::{Server, ServerOptions};
use system_tests::shop::{Article, Person, Shop};
use system_tests::wait::until;

const SOON: Duration = Duration::from_secs(30);
/// A page waits for no part longer than three seconds.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Takes a module out to a node that nobody starts again.
async fn peel(shop: &Shop, module: &str) -> Server {
    let options = ServerOptions::default().data_dir(shop.server.data_dir());
    let options = options.argument("--modules").argument(module).argument("--home");
    let node = Server::start_with(options.argument(shop.server.base_url()));
    let extract = ["extract", module, "--to", node.base_url(), "--weights", "100", "--hold", "0ms"];
    until(SOON, "the node to join", async || (run(&shop.server, &extract).code == 0).then_some(())).await;
    node
}

async fn page(shop: &Shop, article: &Article, person: &Person, client: &str) -> Value {
    let path = format!("/bff/{client}/products/{}", article.product_id);
    let began = Instant::now();
    let page = shop.client.get(&path).bearer(&person.token).send().await.expect(200).body;
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_order_module_a_page_has_no_cart_and_says_so() {
    let shop = Shop::open();
    let (article, person) = (shop.article(10).await, shop.somebody().await);
    let mut node = peel(&shop, "order").await;
    assert_eq!(page(&shop, &article, &person, "web").await["missing"], json!([]));
    node.kill();
    let web = page(&shop, &article, &person, "web").await;
    assert_eq!(web["missing"], json!(["cart", "bought"]));
    assert_eq!((&web["cart"], &web["bought"]), (&Value::Null, &Value::Null));
    assert_eq!(web["product"]["id"], article.product_id);
    assert_eq!((&web["reviews"], &web["stale_seconds"]), (&json!([]), &Value::Null));
    assert!(web["customer"]["name"].is_string());
    let mobile = page(&shop, &article, &person, "mobile").await;
    assert_eq!((&mobile["missing"], &mobile["cart_units"]), (&json!(["cart"]), &Value::Null));
    order(&shop.server, &["rollback", "order"]);
    assert_eq!(page(&shop, &article, &person, "web").await["missing"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_user_module_a_page_has_no_name_and_says_so() {
    let mut shop = Shop::open();
    let (article, person) = (shop.article(10).await, shop.somebody().await);
    let mut node = peel(&shop, "user").await;
    page(&shop, &article, &person, "web").await;
    node.kill();
    let web = page(&shop, &article, &person, "web").await;
    assert_eq!((&web["missing"], &web["customer"]), (&json!(["customer"]), &Value::Null));
    assert_eq!(web["cart"], json!({"lines": 0, "units": 0}));

    // A home that has never seen the keys cannot tell who is asking: it shows what is for everybody.
    let where_it_was = shop.server.options().listen(shop.server.address());
    shop.server.kill();
    shop.reopen(where_it_was);
    let web = page(&shop, &article, &person, "web").await;
    assert_eq!(web["missing"], json!(["customer", "cart", "bought"]));
    assert_eq!(web["product"]["id"], article.product_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_product_module_a_page_shows_the_last_known_copy_or_says_when_to_try_again() {
    let shop = Shop::open();
    let (article, never_seen) = (shop.article(10).await, shop.article(10).await);
    let person = shop.somebody().await;
    let mut node = peel(&shop, "product").await;
    let before = page(&shop, &article, &person, "web").await;
    node.kill();
    let web = page(&shop, &article, &person, "web").await;
    assert_eq!(web["product"], before["product"]);
    assert!(web["stale_seconds"].is_u64(), "{web}");
    assert_eq!((&web["missing"], &web["bought"]), (&json!(["reviews"]), &json!(false)));
    assert!(page(&shop, &article, &person, "mobile").await["stale_seconds"].is_u64());
    for client in ["web", "mobile"] {
        let path = format!("/bff/{client}/products/{}", never_seen.product_id);
        let none = shop.client.get(&path).send().await.expect(503);
        assert_eq!(none.error_code(), "MODULE_UNAVAILABLE");
        assert!(none.header("retry-after").is_some());
    }
    order(&shop.server, &["rollback", "product"]);
    assert_eq!(page(&shop, &article, &person, "web").await["stale_seconds"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_homes_alone() {
    let shop = Shop::open();
    let node = peel(&shop, "product").await;
    let article = shop.article(1).await;
    let path = format!("/bff/web/products/{}", article.product_id);
    shop.client.get(&path).send().await.expect(200);
    assert_eq!(node.client().get(&path).send().await.expect(404).error_code(), "ROUTE_NOT_FOUND");
}

//! The same for the routes of a module that is out: what its clients see does not change.

use reqwest::Method;
use serde_json::json;
use system_tests::operator::order;
use system_tests::shop::{Person, Shop, fresh_key};
use tokio::net::TcpStream;

use crate::kit::within;
use crate::wire::Wire;

const HEADER: &str =
    "product_slug,product_name,description,category_slug,sku,variant_name,price,currency,stock,status\n";

fn peel(shop: &Shop) {
    let extract = ["extract", "product", "--spawn", "--weights", "100", "--hold", "0ms"];
    tokio::task::block_in_place(|| order(&shop.server, &extract));
}

async fn connect(shop: &Shop) -> Wire {
    let address = shop.server.base_url().trim_start_matches("http://");
    Wire::new(within("a connection", TcpStream::connect(address)).await.expect("a connection"))
}

/// Lines of a catalogue file, long enough that they do not fit into buffers on the way.
fn lines(name: &str, count: usize) -> String {
    let line = |n| {
        let description = "d".repeat(1000);
        format!("{name}-{n},Product {n},{description},,{name}-{n},,1.99,EUR,1,active\n")
    };
    (0..count).map(line).collect()
}

fn head_of_import(operator: &Person, framing: &str) -> String {
    format!(
        "POST /api/v1/admin/products/import HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\n\
         Idempotency-Key: {}\r\nContent-Type: text/csv\r\n{framing}\r\n\r\n",
        operator.token,
        fresh_key()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn head_and_conditional_requests_are_answered_as_at_home() {
    let shop = Shop::open();
    let slug = {
        let article = shop.article(3).await;
        let product = shop.client.get(&format!("/api/v1/products/{}", article.product_id)).send().await;
        product.expect(200).body["slug"].as_str().expect("a slug").to_owned()
    };
    let path = format!("/api/v1/products/{slug}");
    let at_home = shop.client.get(&path).send().await.expect(200);
    peel(&shop);
    let away = shop.client.get(&path).send().await.expect(200);
    for name in ["etag", "content-type", "content-length", "cache-control", "vary"] {
        assert_eq!(away.header(name), at_home.header(name), "{name}");
    }
    assert_eq!(away.text, at_home.text);
    let head = shop.client.request(Method::HEAD, &path).send().await.expect(200);
    for name in ["etag", "content-type", "content-length", "cache-control"] {
        assert_eq!(head.header(name), at_home.header(name), "HEAD: {name}");
    }
    assert_eq!(head.text, "");
    let etag = at_home.header("etag").expect("an ETag");
    let fresh = shop.client.get(&path).header("if-none-match", etag).send().await.expect(304);
    assert_eq!((fresh.header("etag"), fresh.text.as_str()), (Some(etag), ""));
    shop.client.get(&path).header("if-none-match", "\"other\"").send().await.expect(200);

    // On one connection, so that a body too many would be read as the next answer.
    let mut wire = connect(&shop).await;
    for (method, condition, status) in [("HEAD", "", 200), ("GET", etag, 304), ("HEAD", etag, 304)] {
        let condition =
            if condition.is_empty() { String::new() } else { format!("If-None-Match: {condition}\r\n") };
        wire.write(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n{condition}\r\n")).await;
        assert_eq!(wire.head().await.status(), status, "{method} {condition}");
    }
    wire.write(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")).await;
    assert_eq!(wire.message().await.text(), at_home.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_write_keeps_its_condition() {
    let shop = Shop::open();
    let (operator, article) = (shop.operator().await, shop.article(3).await);
    peel(&shop);
    let path = format!("/api/v1/admin/products/{}", article.product_id);
    let rename = || shop.client.patch(&path).bearer(&operator.token).json(&json!({"name": "Renamed"}));
    rename().key(&fresh_key()).send().await.expect(428);
    rename().key(&fresh_key()).header("if-match", "\"stale\"").send().await.expect(412);
    let etag = shop.client.get(&path).bearer(&operator.token).send().await.expect(200);
    let etag = etag.header("etag").expect("an ETag").to_owned();
    let renamed = rename().key(&fresh_key()).header("if-match", &etag).send().await.expect(200);
    assert_ne!(renamed.header("etag"), Some(etag.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_is_streamed_in_and_comes_out_as_it_does_at_home() {
    let shop = Shop::open();
    let operator = shop.operator().await;
    peel(&shop);
    // In chunks of odd sizes, so that nobody knows the length before the end.
    let file = format!("{HEADER}{}", lines("streamed", 3000));
    assert!(file.len() > 3 << 20);
    let mut wire = connect(&shop).await;
    wire.write(head_of_import(&operator, "Transfer-Encoding: chunked")).await;
    for piece in file.as_bytes().chunks(65_537) {
        wire.write(format!("{:x}\r\n", piece.len())).await;
        wire.write(piece).await;
        wire.write("\r\n").await;
    }
    wire.write("0\r\n\r\n").await;
    let report = wire.message().await;
    assert_eq!(report.status(), 200, "{}", report.text());
    let report: serde_json::Value = serde_json::from_str(report.text()).expect("JSON");
    assert_eq!(report["products_created"], 3000, "{report}");

    let export =
        async || shop.client.get("/api/v1/admin/products/export").bearer(&operator.token).send().await;
    let away = export().await.expect(200);
    tokio::task::block_in_place(|| {
        order(&shop.server, &["absorb", "product", "--weights", "0", "--hold", "0ms"])
    });
    let at_home = export().await.expect(200);
    assert!(away.text == at_home.text, "{} and {} bytes", away.text.len(), at_home.text.len());
    assert_eq!(away.text.matches("streamed-").count(), 6000);
    for name in ["content-type", "content-length", "content-disposition", "cache-control"] {
        assert_eq!(away.header(name), at_home.header(name), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_that_breaks_off_is_not_taken_in_and_a_wrong_or_long_one_is_told() {
    let shop = Shop::open();
    let operator = shop.operator().await;
    peel(&shop);
    let lines = lines("broken", 200);
    for framing in ["Content-Length: 900000", "Transfer-Encoding: chunked"] {
        let mut wire = connect(&shop).await;
        wire.write(head_of_import(&operator, framing)).await;
        let file = format!("{HEADER}{lines}");
        if framing.starts_with("Transfer") {
            wire.write(format!("{:x}\r\n{file}\r\n", file.len())).await;
        } else {
            wire.write(&file).await;
        }
        drop(wire);
    }
    // A later import has been executed, so an earlier one would have been too.
    let import = |file: String| {
        let import = shop.client.post("/api/v1/admin/products/import").bearer(&operator.token);
        import.key(&fresh_key()).raw("text/csv", file)
    };
    import(format!("{HEADER}whole,Whole,,,whole,,1.99,EUR,1,active\n")).send().await.expect(200);
    shop.client.get("/api/v1/products/whole").send().await.expect(200);
    shop.client.get("/api/v1/products/broken-0").send().await.expect(404);

    let wrong = import(format!("{HEADER}wrong,Wrong,,,wrong,,cheap,EUR,1,active\n")).send().await.expect(400);
    assert_eq!(wrong.error_code(), "MALFORMED_CSV");
    assert!(wrong.text.contains("line"), "{wrong}");

    let mut wire = connect(&shop).await;
    wire.write(head_of_import(&operator, &format!("Content-Length: {}", 17 << 20))).await;
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..17 {
        if !wire.try_write(&piece).await {
            break;
        }
    }
    let told = wire.message().await;
    assert_eq!((told.status(), told.error_code().as_str()), (413, "REQUEST_TOO_LARGE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_import_leaves_no_unread_body_behind() {
    let shop = Shop::open();
    peel(&shop);
    let smuggled = "GET /api/v1/products/smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    for length in [100, 100_000, 3_000_000] {
        let body = format!("{smuggled}{}", "x".repeat(length));
        let mut wire = connect(&shop).await;
        let head = "POST /api/v1/admin/products/import HTTP/1.1\r\nHost: h\r\nContent-Type: text/csv\r\n";
        wire.try_write(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())).await;
        let told = wire.message().await;
        assert_eq!((told.status(), told.error_code().as_str()), (401, "AUTHENTICATION_REQUIRED"), "{length}");
        wire.try_write("GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
        let rest = String::from_utf8_lossy(&wire.rest().await).into_owned();
        assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 200 "), "{length}: {rest}");
        assert!(rest.matches("HTTP/1.1 ").count() <= 1, "{length}: {rest}");
    }
}

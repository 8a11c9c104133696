//! A foreign application answers through the shop as if it were reached directly.

use reqwest::Method;
use system_tests::client::Response;

use crate::kit::{Home, PREFIX, prefix};
use crate::legacy::Legacy;

/// The values of a header that the application saw.
fn seen<'a>(response: &'a Response, name: &str) -> Vec<&'a str> {
    let headers = response.body["headers"].as_array().unwrap_or_else(|| panic!("no echo: {response}"));
    headers.iter().filter(|pair| pair[0] == name).filter_map(|pair| pair[1].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn method_path_query_body_status_and_headers_arrive_as_they_were_sent() {
    let legacy = Legacy::start();
    let home = Home::with(&prefix(PREFIX, legacy.address));
    let client = home.client();
    for (method, status) in [
        (Method::GET, 200),
        (Method::POST, 201),
        (Method::PUT, 418),
        (Method::PATCH, 500),
        (Method::DELETE, 404),
        (Method::OPTIONS, 207),
    ] {
        let target = "/legacy/a%20b/%2F/c?d=%2F&e&f=1+2";
        let request = client.request(method.clone(), target).header("x-answer", &status.to_string());
        let request = request.header("x-odd", "a, b;c=\"d\"").raw("text/x-odd", "b\u{e9}\0dy");
        let answer = request.send().await.expect(status);
        assert_eq!(answer.body["method"], method.as_str());
        assert_eq!(answer.body["target"], target);
        assert_eq!(answer.body["body"], "b\u{c3}\u{a9}\0dy", "each byte");
        assert_eq!(seen(&answer, "x-odd"), ["a, b;c=\"d\""]);
        assert_eq!(seen(&answer, "content-type"), ["text/x-odd"]);
        assert_eq!(answer.header("content-type"), Some("application/vnd.legacy+json"));
        assert_eq!(answer.header("etag"), Some("\"legacy\""));
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1; Path=/", "b=2; Path=/"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_one_hop_stays_and_who_asked_is_told() {
    let legacy = Legacy::start();
    let home = Home::with(&prefix(PREFIX, legacy.address));
    let asked = home.client().get("/legacy/x").header("connection", "x-mine").header("x-mine", "1");
    let asked = asked.header("te", "trailers").header("x-forwarded-for", "203.0.113.9");
    let asked = asked.header("x-real-ip", "203.0.113.9").header("host", "shop.example");
    let answer = asked.send().await.expect(200);
    for gone in ["connection", "x-mine", "te", "x-real-ip", "x-module-epoch"] {
        assert!(seen(&answer, gone).is_empty(), "{gone}: {answer}");
    }
    assert_eq!(seen(&answer, "host"), ["shop.example"]);
    assert_eq!(seen(&answer, "x-forwarded-for"), ["127.0.0.1"], "what a client claims is not believed");
    assert_eq!(seen(&answer, "x-forwarded-proto"), ["http"]);
    assert_eq!(seen(&answer, "x-forwarded-host"), ["shop.example"]);
    assert_eq!(seen(&answer, "forwarded"), ["for=127.0.0.1;host=\"shop.example\";proto=http"]);
    assert_eq!(seen(&answer, "via"), ["1.1 banyan"]);
    for gone in ["connection", "x-secret", "keep-alive"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_id_and_the_trace_go_on_in_the_application() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let legacy = Legacy::start();
    let home = Home::with(&prefix(PREFIX, legacy.address));
    let asked = home.client().get("/legacy/x").header("x-request-id", "mine-1");
    let asked = asked.header("traceparent", &format!("00-{TRACE}-b7ad6b7169203331-01"));
    let answer = asked.send().await.expect(200);
    assert_eq!(seen(&answer, "x-request-id"), ["mine-1"]);
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    let [trace] = seen(&answer, "traceparent")[..] else { panic!("one trace: {answer}") };
    let parts: Vec<&str> = trace.split('-').collect();
    assert_eq!(parts[1], TRACE, "the same trace");
    assert_ne!(parts[2], "b7ad6b7169203331", "another span");

    let answer = home.client().get("/legacy/x").send().await.expect(200);
    let [given] = seen(&answer, "x-request-id")[..] else { panic!("one id: {answer}") };
    assert_eq!(answer.header("x-request-id"), Some(given), "one that was made up is the same everywhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shops_own_routes_answer_beside_it_and_the_prefix_ends_at_a_segment() {
    let legacy = Legacy::start();
    let home = Home::with(&prefix(PREFIX, legacy.address));
    let client = home.client();
    let products = client.get("/api/v1/products?limit=1").send().await.expect(200);
    assert!(products.body["headers"].is_null() && products.body["data"].is_array(), "{products}");
    client.get("/healthz").send().await.expect(200);
    client.get("/legacy").send().await.expect(200);
    let other = client.get("/legacyx").send().await.expect(404);
    assert_eq!(other.error_code(), "ROUTE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stripped_prefix_and_the_applications_own_host_are_what_it_sees() {
    let legacy = Legacy::start();
    let toml = format!("{}strip = true\npreserve_host = false\n", prefix(PREFIX, legacy.address));
    let home = Home::with(&toml);
    for (asked, target) in [("/legacy/x?y", "/x?y"), ("/legacy", "/")] {
        let answer = home.client().get(asked).header("host", "shop.example").send().await.expect(200);
        assert_eq!(answer.body["target"], target);
        assert_eq!(seen(&answer, "host"), [legacy.address.to_string()]);
        assert_eq!(seen(&answer, "x-forwarded-host"), ["shop.example"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_request_gets_the_head_alone() {
    let legacy = Legacy::start();
    let home = Home::with(&prefix(PREFIX, legacy.address));
    let answer = home.client().request(Method::HEAD, "/legacy/x").send().await.expect(200);
    assert_eq!((answer.header("etag"), answer.text.as_str()), (Some("\"legacy\""), ""));
}

//! Heads, interim answers, and fields that are for one hop.

use crate::kit::{Home, Upstream};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test(flavor = "multi_thread")]
async fn fields_for_one_hop_stay_both_ways_and_so_do_those_that_connection_names() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let request = "GET /legacy/x HTTP/1.1\r\nHost: h\r\nConnection: x-a, X-B ,host, x-forwarded-for, x-request-id\r\n\
                   X-A: 1\r\nx-b: 2\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\n\
                   Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nProxy-Authorization: Basic eA==\r\nX-C: 3\r\n\r\n";
    let mut client = home.send(request).await;
    let (mut wire, request) = upstream.request().await;
    for gone in [
        "connection",
        "x-a",
        "x-b",
        "keep-alive",
        "proxy-connection",
        "te",
        "upgrade",
        "http2-settings",
        "proxy-authorization",
    ] {
        assert_eq!(request.get(gone), None, "{gone}");
    }
    assert_eq!((request.get("x-c"), request.get("host")), (Some("3"), Some("h")));
    assert_eq!(request.get("x-forwarded-for"), Some("127.0.0.1"), "a client cannot have it taken off");
    assert!(request.get("x-request-id").is_some());
    wire.write(
        "HTTP/1.1 200 OK\r\nConnection: x-a\r\nX-A: 1\r\nKeep-Alive: timeout=9\r\nUpgrade: h2c\r\n\
         Proxy-Authenticate: Basic\r\nX-C: 3\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let answer = client.message().await;
    for gone in ["connection", "x-a", "keep-alive", "upgrade", "proxy-authenticate"] {
        assert_eq!(answer.get(gone), None, "{gone}");
    }
    assert_eq!(answer.get("x-c"), Some("3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_100_is_told_to_go_on() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let head = "POST /legacy/x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut client = home.send(head).await;
    assert_eq!(client.head().await.first, "HTTP/1.1 100 Continue");
    client.write("hello").await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!((request.get("expect"), request.text()), (None, "hello"));
    wire.write(OK).await;
    assert_eq!(client.message().await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn interim_answers_of_the_application_are_not_taken_for_its_answer() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let mut client = home.send("GET /legacy/x HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    for interim in ["100 Continue\r\n\r\n", "102 Processing\r\n\r\n", "103 Early Hints\r\nLink: </a>\r\n\r\n"]
    {
        wire.write(format!("HTTP/1.1 {interim}")).await;
    }
    wire.write(OK).await;
    let answer = client.message().await;
    assert_eq!((answer.status(), answer.text(), answer.get("link")), (200, "ok", None));
    client.write("GET /legacy/y HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(wire.message().await.first, "GET /legacy/y HTTP/1.1", "both connections are still in step");
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_to_both_sides_are_answered_in_order() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut client = home.send(&format!("{}{}{}", get("/legacy/1"), get("/healthz"), get("/legacy/2"))).await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none").await;
    assert_eq!(client.message().await.text(), "one");
    assert_ne!(client.message().await.text(), "one", "the shop's own answer");
    assert_eq!(wire.message().await.first, "GET /legacy/2 HTTP/1.1");
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo").await;
    assert_eq!(client.message().await.text(), "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_of_prefixes_is_stopped() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let via = "Via: 1.1 banyan, 1.1 banyan\r\nVia: 1.1 banyan\r\n";
    let mut client = home.send(&format!("GET /legacy/x HTTP/1.1\r\nHost: h\r\n{via}\r\n")).await;
    let answer = client.message().await;
    assert_eq!((answer.status(), answer.error_code().as_str()), (502, "UPSTREAM_FAILED"));
    upstream.assert_untouched("a request that goes in a circle").await;
}

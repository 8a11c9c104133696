//! Heads: what is passed on, what stays, what is added.

use std::net::IpAddr;

use crate::kit::{Home, Upstream, out, prefix, settings};
use router::Settings;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[actix_web::test]
async fn a_request_arrives_as_it_was_sent_and_so_does_its_answer() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home
        .send(
            "GET /a%20b/../c?d=%2F&e HTTP/1.1\r\nHost: shop.example\r\nX-Odd: \u{e9}\r\nCookie: a=b\r\n\r\n",
        )
        .await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!(request.first, "GET /a%20b/../c?d=%2F&e HTTP/1.1");
    assert_eq!(request.get("host"), Some("shop.example"));
    assert_eq!(request.get("x-odd"), Some("\u{e9}"));
    assert_eq!(request.get("content-length"), None);
    assert_eq!(request.get("transfer-encoding"), None);
    wire.write(
        "HTTP/1.1 207 Odd\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 2\r\nETag: \"x\"\r\n\r\nok",
    )
    .await;
    let response = client.response().await;
    assert_eq!((response.status(), response.text()), (207, "ok"));
    assert_eq!(response.all("set-cookie"), ["a", "b"]);
    assert_eq!(response.get("etag"), Some("\"x\""));
}

#[actix_web::test]
async fn hop_by_hop_fields_stay_and_so_do_those_that_connection_names() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Private ,host, x-forwarded-for\r\nX-Private: 1\r\n\
                   Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers, gzip\r\nTrailer: X-Sum\r\n\
                   Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nProxy-Authorization: Basic eA==\r\nX-Public: 2\r\n\r\n";
    let mut client = home.send(request).await;
    let (mut wire, request) = upstream.request().await;
    for gone in [
        "connection",
        "x-private",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "http2-settings",
        "proxy-authorization",
    ] {
        assert_eq!(request.get(gone), None, "{gone}");
    }
    assert_eq!((request.get("x-public"), request.get("host")), (Some("2"), Some("h")));
    assert_eq!(request.get("x-forwarded-for"), Some("127.0.0.1"));
    let answer = "HTTP/1.1 200 OK\r\nConnection: X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=9\r\nUpgrade: h2c\r\n\
                  Trailer: X-Sum\r\nContent-Length: 2\r\nX-Open: 2\r\n\r\nok";
    wire.write(answer).await;
    let response = client.response().await;
    for gone in ["connection", "x-secret", "keep-alive", "upgrade", "trailer"] {
        assert_eq!(response.get(gone), None, "{gone}");
    }
    assert_eq!(response.get("x-open"), Some("2"));
}

#[actix_web::test]
async fn what_a_client_claims_of_its_way_is_replaced() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let claims = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
                  Forwarded: for=203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\nVia: 1.0 other\r\n\
                  X-Module-Epoch: 99\r\nX-Banyan-Deadline-Ms: 1\r\nX-Request-Id: mine\r\n";
    let mut client = home.send(&format!("GET / HTTP/1.1\r\nHost: h\r\n{claims}\r\n")).await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!(request.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(request.all("x-forwarded-proto"), ["http"]);
    assert_eq!(request.all("x-forwarded-host"), ["h"]);
    assert_eq!(request.all("forwarded"), ["for=127.0.0.1;host=\"h\";proto=http"]);
    assert_eq!(request.all("via"), ["1.0 other", "1.1 banyan"]);
    assert_eq!(request.get("x-real-ip"), None);
    assert_eq!(request.all("x-module-epoch"), ["7"], "the router's, not the client's");
    assert_eq!(request.get("x-banyan-deadline-ms"), None);
    assert_eq!(request.all("x-request-id"), ["r-1"], "the caller's, not the client's");
    wire.write(OK).await;
    client.response().await;
}

#[actix_web::test]
async fn a_trusted_proxy_is_believed_and_appended_to() {
    let upstream = Upstream::listen().await;
    let trusted = vec![IpAddr::from([127, 0, 0, 1])];
    let home = Home::with(Settings { trusted, ..settings() }, out(1, &[upstream.address()])).await;
    let claims = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop\r\nForwarded: for=203.0.113.9\r\n";
    let mut client = home.send(&format!("GET / HTTP/1.1\r\nHost: h\r\n{claims}\r\n")).await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!(request.all("x-forwarded-for"), ["203.0.113.9", "127.0.0.1"]);
    assert_eq!(request.all("x-forwarded-proto"), ["https"]);
    assert_eq!(request.all("x-forwarded-host"), ["shop"]);
    assert_eq!(request.all("forwarded").len(), 2);
    wire.write(OK).await;
    client.response().await;
}

#[actix_web::test]
async fn a_prefix_may_be_taken_off_and_may_have_its_own_host() {
    let (upstream, legacy) = (Upstream::listen().await, Upstream::listen().await);
    let mut table = out(1, &[upstream.address()]);
    let mut stripped = prefix("/old", legacy.address());
    (stripped.strip, stripped.preserve_host) = (true, false);
    table.prefixes = vec![stripped, prefix("/old/kept", legacy.address())];
    let home = Home::with(settings(), table).await;
    for (path, seen) in [("/old", "/"), ("/old/x?y", "/x?y"), ("/old/kept/z", "/old/kept/z")] {
        let mut client = home.send(&format!("GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n")).await;
        let (mut wire, request) = legacy.request().await;
        assert_eq!(request.first, format!("GET {seen} HTTP/1.1"));
        let host = if path.contains("kept") { "shop".to_owned() } else { legacy.address().to_string() };
        assert_eq!(request.get("host"), Some(host.as_str()));
        assert_eq!(request.get("x-forwarded-host"), Some("shop"));
        assert_eq!(request.get("x-module-epoch"), None, "a foreign application has no epoch");
        wire.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").await;
        client.response().await;
    }
    let _client = home.send("GET /older HTTP/1.1\r\nHost: shop\r\n\r\n").await;
    assert_eq!(upstream.request().await.1.first, "GET /older HTTP/1.1");
}

#[actix_web::test]
async fn a_longer_prefix_may_give_paths_back_and_a_few_were_never_given_away() {
    let (upstream, legacy) = (Upstream::listen().await, Upstream::listen().await);
    let mut table = out(1, &[upstream.address()]);
    let mut taken_over = prefix("/old/new", legacy.address());
    (taken_over.local, taken_over.upstream) = (true, Vec::new());
    table.prefixes = vec![prefix("/", legacy.address()), taken_over];
    let home = Home::with(settings(), table).await;
    for (path, is_legacy) in [
        ("/old", true),
        ("/old/newer", true),
        ("/old/new", false),
        ("/old/new/x", false),
        ("/_admin/status", false),
        ("/_internal/x", false),
        ("/_internally", true),
    ] {
        let mut client = home.send(&format!("GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n")).await;
        let to = if is_legacy { &legacy } else { &upstream };
        let (mut wire, request) = to.request().await;
        assert_eq!(request.first, format!("GET {path} HTTP/1.1"));
        wire.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").await;
        client.response().await;
    }
}

#[actix_web::test]
async fn the_authority_of_an_absolute_target_is_the_host() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let _client = home.send("GET http://shop.example/x HTTP/1.1\r\nHost: other\r\n\r\n").await;
    let (_, request) = upstream.request().await;
    assert_eq!((request.first.as_str(), request.get("host")), ("GET /x HTTP/1.1", Some("shop.example")));
}

#[actix_web::test]
async fn interim_answers_are_swallowed() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n").await;
    wire.write(OK).await;
    let response = client.response().await;
    assert_eq!((response.status(), response.get("link")), (200, None));
}

#[actix_web::test]
async fn a_client_that_expects_100_is_told_to_go_on_and_the_upstream_is_not_asked() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let head = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut client = home.send(head).await;
    assert_eq!(client.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write("hello").await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!((request.get("expect"), request.text()), (None, "hello"));
    wire.write(OK).await;
    assert_eq!(client.response().await.status(), 200);
}

#[actix_web::test]
async fn a_request_that_goes_in_a_circle_is_stopped() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let via = "Via: 1.1 banyan, 1.1 banyan\r\nVia: 1.1 banyan\r\n";
    let mut client = home.send(&format!("GET / HTTP/1.1\r\nHost: h\r\n{via}\r\n")).await;
    assert_eq!(client.response().await.status(), 508);
    assert!(upstream.is_untouched().await);
}

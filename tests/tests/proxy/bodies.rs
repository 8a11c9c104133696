//! Bodies: how they end, that they are not held up, and what becomes of those that nobody reads.

use crate::kit::{Home, Upstream};

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_a_body_leave_the_connection_usable() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let mut client = home.send("HEAD /legacy/1 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!(request.first, "HEAD /legacy/1 HTTP/1.1");
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n").await;
    assert_eq!(client.head().await.get("content-length"), Some("1234"));
    for (method, answer, status) in [
        ("DELETE", "204 No Content\r\n\r\n", 204),
        ("GET", "304 Not Modified\r\nETag: \"x\"\r\n\r\n", 304),
        ("HEAD", "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200),
    ] {
        client.write(format!("{method} /legacy/2 HTTP/1.1\r\nHost: h\r\n\r\n")).await;
        wire.message().await;
        wire.write(format!("HTTP/1.1 {answer}")).await;
        assert_eq!(client.head().await.status(), status);
    }
    client.write("GET /legacy/3 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(wire.message().await.first, "GET /legacy/3 HTTP/1.1");
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!(client.message().await.text(), "ok", "nothing of the answers before is in the way");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_sent_events_arrive_one_by_one() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let mut client =
        home.send("GET /legacy/events HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    let head = client.head().await;
    assert_eq!(head.get("content-type"), Some("text/event-stream"), "the head comes before the first event");
    for n in 0..5 {
        wire.write(format!("9\r\ndata: {n}\n\n\r\n")).await;
        assert_eq!(client.chunk().await, format!("data: {n}\n\n").as_bytes(), "before the next is sent");
    }
    wire.write("0\r\n\r\n").await;
    assert!(client.chunk().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_arrives_piece_by_piece() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let mut client =
        home.send("PUT /legacy/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let mut wire = upstream.accept().await;
    assert_eq!(wire.head().await.get("transfer-encoding"), Some("chunked"));
    for n in 0..5 {
        client.write(format!("2\r\n0{n}\r\n")).await;
        assert_eq!(wire.chunk().await, format!("0{n}").as_bytes(), "before the next is sent");
    }
    client.write("0\r\n\r\n").await;
    assert!(wire.chunk().await.is_empty());
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(client.message().await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_are_dropped_both_ways_and_do_no_harm() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let body = "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n";
    let mut client =
        home.send(&format!("POST /legacy/x HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n{body}")).await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!((request.text(), request.get("trailer"), request.get("te")), ("abc", None, None));
    wire.write(format!("HTTP/1.1 200 OK\r\n{body}")).await;
    let answer = client.message().await;
    assert_eq!((answer.text(), answer.get("trailer")), ("abc", None));
    client.write("GET /legacy/next HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(wire.message().await.first, "GET /legacy/next HTTP/1.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_the_application_does_not_read_never_becomes_the_next_request() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let smuggled = "GET /legacy/smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    let body = format!("{smuggled}{}", "x".repeat(70_000));
    let head = format!("POST /legacy/first HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut client = home.send(&head).await;
    let mut wire = upstream.accept().await;
    wire.head().await;
    wire.write("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno").await;
    let answer = client.message().await;
    assert_eq!((answer.status(), answer.get("connection")), (413, Some("close")));
    client.try_write(&body).await;
    client.try_write("GET /legacy/next HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(client.rest().await.is_empty(), "the connection is closed instead of being misread");
    upstream.assert_untouched("what was in the body").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_the_shop_does_not_read_never_becomes_the_next_request() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let smuggled = "GET /legacy/smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    // Refused by the shop itself, short enough to be there already and long enough not to be.
    for length in [200, 300_000] {
        let body = format!("{smuggled}{}", "x".repeat(length));
        let mut client = home.connect().await;
        let head = format!("POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
        client.try_write(format!("{head}{body}")).await;
        assert_eq!(client.message().await.status(), 404);
        if client.try_write("GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await {
            let rest = String::from_utf8(client.rest().await).expect("text");
            assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 200 "), "{length}: {rest}");
            assert!(rest.matches("HTTP/1.1 ").count() <= 1, "{length}: {rest}");
        }
        upstream.assert_untouched("what was in the body").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_ends_with_the_connection_is_complete_for_either_version() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    for (version, chunked) in [("1.1", true), ("1.0", false)] {
        let mut client = home.send(&format!("GET /legacy/x HTTP/{version}\r\nHost: h\r\n\r\n")).await;
        let (mut wire, _) = upstream.request().await;
        wire.write("HTTP/1.0 200 OK\r\n\r\nabc").await;
        drop(wire);
        let head = client.head().await;
        assert_eq!(head.get("transfer-encoding").is_some(), chunked, "{version}");
        if chunked {
            assert_eq!(client.chunk().await, b"abc");
            assert!(client.chunk().await.is_empty());
        } else {
            assert_eq!(client.rest().await, b"abc");
        }
    }
}

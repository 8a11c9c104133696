//! Bodies: how they are delimited, and that they are not held up.

use crate::kit::{Home, Upstream};

#[actix_web::test]
async fn a_body_with_a_length_keeps_it_and_a_chunked_one_stays_chunked() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello").await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!((request.get("content-length"), request.get("transfer-encoding")), (Some("5"), None));
    assert_eq!(request.text(), "hello");
    wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!((response.get("content-length"), response.text()), (None, "abc"));

    client
        .write("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        .await;
    let request = wire.request().await;
    assert_eq!((request.get("content-length"), request.get("transfer-encoding")), (None, Some("chunked")));
    assert_eq!(request.text(), "hello");
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").await;
    let response = client.response().await;
    assert_eq!((response.get("transfer-encoding"), response.text()), (None, "abc"));
}

#[actix_web::test]
async fn a_body_of_no_bytes_is_told_as_such() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!(request.get("content-length"), Some("0"));
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(client.response().await.get("content-length"), Some("0"));
}

#[actix_web::test]
async fn head_204_and_304_have_no_body_and_leave_the_connection_usable() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!(request.first, "HEAD /a HTTP/1.1");
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n").await;
    assert_eq!(client.head().await.get("content-length"), Some("1234"));

    client.write("HEAD /b HTTP/1.1\r\nHost: h\r\n\r\n").await;
    wire.request().await;
    wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 200);

    client.write("DELETE /c HTTP/1.1\r\nHost: h\r\n\r\n").await;
    wire.request().await;
    wire.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    let response = client.head().await;
    assert_eq!((response.status(), response.get("content-length")), (204, None));

    client.write("GET /d HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"x\"\r\n\r\n").await;
    wire.request().await;
    wire.write("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 99\r\n\r\n").await;
    let response = client.head().await;
    assert_eq!(
        (response.status(), response.get("etag"), response.get("content-length")),
        (304, Some("\"x\""), Some("99"))
    );

    client.write("GET /e HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(wire.request().await.first, "GET /e HTTP/1.1");
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!(client.response().await.text(), "ok");
}

#[actix_web::test]
async fn pipelined_requests_are_answered_in_order() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client =
        home.send("HEAD /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n").await;
    for n in ["2", "3"] {
        assert_eq!(wire.request().await.first, format!("GET /{n} HTTP/1.1"));
        wire.write(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{n}\r\n0\r\n\r\n"))
            .await;
    }
    assert_eq!(client.head().await.get("content-length"), Some("7"));
    assert_eq!(client.response().await.text(), "2");
    assert_eq!(client.response().await.text(), "3");
}

#[actix_web::test]
async fn a_body_that_ends_with_the_connection_is_chunked_for_1_1_and_closed_for_1_0() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    for (version, chunked) in [("1.1", true), ("1.0", false)] {
        let mut client = home.send(&format!("GET / HTTP/{version}\r\nHost: h\r\n\r\n")).await;
        let (mut wire, request) = upstream.request().await;
        assert_eq!(request.first, "GET / HTTP/1.1");
        wire.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc").await;
        drop(wire);
        let mut response = client.head().await;
        assert_eq!(response.get("transfer-encoding").is_some(), chunked, "{version}");
        response.body = if chunked { client.chunks().await } else { client.rest().await };
        assert_eq!(response.text(), "abc");
    }
}

#[actix_web::test]
async fn trailers_are_dropped_both_ways_and_the_bodies_are_complete() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let body = "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n";
    let mut client = home.send(&format!("POST / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n{body}")).await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!((request.text(), request.get("x-sum"), request.get("trailer")), ("abc", None, None));
    wire.write(format!("HTTP/1.1 200 OK\r\n{body}")).await;
    assert_eq!(client.response().await.text(), "abc");
    client.write("GET /next HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(wire.request().await.first, "GET /next HTTP/1.1");
}

#[actix_web::test]
async fn server_sent_events_arrive_one_by_one() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send("GET /events HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    assert_eq!(client.head().await.status(), 200, "the head comes before the first event");
    for n in 0..3 {
        wire.write(format!("9\r\ndata: {n}\n\n\r\n")).await;
        assert_eq!(client.chunk().await, format!("data: {n}\n\n").as_bytes(), "before the next is sent");
    }
    wire.write("0\r\n\r\n").await;
    assert!(client.chunks().await.is_empty());
}

#[actix_web::test]
async fn an_upload_is_streamed_before_it_is_complete() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let mut wire = upstream.accept().await;
    wire.head().await;
    for n in 0..3 {
        client.write(format!("2\r\n0{n}\r\n")).await;
        assert_eq!(wire.chunk().await, format!("0{n}").as_bytes());
    }
    client.write("0\r\n\r\n").await;
    assert!(wire.chunks().await.is_empty());
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(client.response().await.status(), 200);
}

#[actix_web::test]
async fn an_answer_before_the_upload_is_over_is_passed_on() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nbegin").await;
    let mut wire = upstream.accept().await;
    wire.head().await;
    assert_eq!(wire.exactly(5).await, b"begin");
    wire.write("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno").await;
    let response = client.response().await;
    assert_eq!((response.status(), response.text()), (413, "no"));
    assert_eq!(response.get("connection"), Some("close"), "the rest of the upload may never be read");
}

#[actix_web::test]
async fn an_unread_body_never_becomes_the_next_request() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    let body = format!("{smuggled}{}", "x".repeat(70_000));
    let head = format!("POST /first HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut client = home.send(&head).await;
    let mut wire = upstream.accept().await;
    wire.head().await;
    // Answered without reading the body.
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
    assert_eq!(client.response().await.text(), "ok");
    client.try_write(&body).await;
    client.try_write("GET /next HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert!(client.rest().await.is_empty(), "the connection is closed instead of being misread");
    assert!(upstream.is_untouched().await);
}

//! Requests that two servers could read differently are refused, and nothing of them is passed on.

use crate::kit::{Home, Upstream};

/// What must be refused.
const REFUSED: &[(&str, &str)] = &[
    (
        "both lengths",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "both lengths, reversed",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ),
    ("two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    (
        "two equal lengths",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    ),
    ("a list of lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\nhello"),
    ("a length with a sign", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello"),
    ("a negative length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"),
    ("a hexadecimal length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0x5\r\n\r\nhello"),
    ("an empty length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\nhello"),
    ("another coding", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("chunked twice", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    (
        "two codings",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    ),
    ("identity", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\n\r\nGET /x HTTP/1.1\r\n\r\n"),
    ("almost chunked", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("a tab in it", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    (
        "a space before the colon",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ),
    ("1.0 with a coding", "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("obs-fold", "GET / HTTP/1.1\r\nHost: h\r\nX-A: b\r\n c\r\n\r\n"),
    ("a folded coding", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    ("a bare CR in a value", "GET / HTTP/1.1\r\nHost: h\r\nX-A: b\rX-C: d\r\n\r\n"),
    ("a NUL in a value", "GET / HTTP/1.1\r\nHost: h\r\nX-A: b\0c\r\n\r\n"),
    ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("no host", "GET / HTTP/1.1\r\n\r\n"),
    ("CONNECT", "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n"),
    (
        "a WebSocket with a body",
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello",
    ),
    ("a WebSocket that is not asked for", "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n"),
    (
        "a WebSocket by POST",
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ),
];

#[actix_web::test]
async fn what_can_be_read_in_two_ways_is_refused() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    for (what, request) in REFUSED {
        let mut client = home.connect().await;
        client.write(request).await;
        let response = client.head().await;
        assert_eq!(response.status(), 400, "{what}: {}", response.first);
        assert!(upstream.is_untouched().await, "{what} was passed on");
    }
}

#[actix_web::test]
async fn a_refused_request_takes_what_follows_it_along() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    for (what, request) in REFUSED.iter().filter(|(_, request)| request.starts_with("POST")) {
        let mut client = home.send(&format!("{request}{smuggled}")).await;
        let everything = String::from_utf8_lossy(&client.rest().await).into_owned();
        assert_eq!(everything.matches("HTTP/1.1 ").count(), 1, "{what}: {everything}");
        assert!(upstream.is_untouched().await, "{what}");
    }
}

#[actix_web::test]
async fn chunks_that_are_none_break_the_request_off() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    for chunk in [
        "zz\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello",
        "5\r\nhelloX\r\n0\r\n\r\n",
    ] {
        let mut client = home
            .send(&format!("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"))
            .await;
        let told = String::from_utf8(client.rest().await).unwrap();
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 400 "), "{chunk:?}: {told}");
        if let Some(mut wire) = upstream.accepted().await {
            let seen = String::from_utf8(wire.rest().await).unwrap();
            assert!(!seen.ends_with("0\r\n\r\n"), "{chunk:?} became a complete request: {seen}");
        }
    }
}

#[actix_web::test]
async fn a_bare_lf_is_a_line_end_and_is_not_passed_on() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send("GET / HTTP/1.1\nHost: h\nX-A: b\n\n").await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!(request.get("x-a"), Some("b"));
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!(client.response().await.status(), 200);
}

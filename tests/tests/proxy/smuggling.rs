//! Requests that two servers could read differently are refused by the process, and nothing of them is passed on.

use crate::kit::{Home, Upstream};

/// What must be refused, behind `METHOD /legacy/x`.
const REFUSED: &[(&str, &str)] = &[
    ("both lengths", "POST 1.1|Content-Length: 5|Transfer-Encoding: chunked||0||"),
    ("both, reversed", "POST 1.1|Transfer-Encoding: chunked|Content-Length: 5||0||"),
    ("two lengths", "POST 1.1|Content-Length: 5|Content-Length: 6||hello"),
    ("two equal lengths", "POST 1.1|Content-Length: 5|Content-Length: 5||hello"),
    ("a list of lengths", "POST 1.1|Content-Length: 5, 5||hello"),
    ("a length with a sign", "POST 1.1|Content-Length: +5||hello"),
    ("a hexadecimal length", "POST 1.1|Content-Length: 0x5||hello"),
    ("a length with a space in it", "POST 1.1|Content-Length: 5 5||hello"),
    ("1.0 with chunks", "POST 1.0|Transfer-Encoding: chunked||0||"),
    ("another coding", "POST 1.1|Transfer-Encoding: gzip, chunked||0||"),
    ("chunked twice", "POST 1.1|Transfer-Encoding: chunked, chunked||0||"),
    ("two codings", "POST 1.1|Transfer-Encoding: chunked|Transfer-Encoding: identity||0||"),
    ("almost chunked", "POST 1.1|Transfer-Encoding: xchunked||0||"),
    ("a vertical tab before it", "POST 1.1|Transfer-Encoding: \x0bchunked||0||"),
    ("a space before the colon", "POST 1.1|Transfer-Encoding : chunked||0||"),
    ("a folded line", "GET 1.1|X-A: b| c||"),
    ("a folded coding", "POST 1.1|Transfer-Encoding:| chunked||0||"),
    ("a bare CR", "GET 1.1|X-A: b\rX-C: d||"),
    ("a NUL", "GET 1.1|X-A: b\0c||"),
    ("a second host", "GET 1.1|Host: g||"),
    ("a WebSocket with a body", "GET 1.1|Connection: upgrade|Upgrade: websocket|Content-Length: 5||hello"),
];

const SMUGGLED: &str = "GET /legacy/smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

fn written(brief: &str) -> String {
    let (line, rest) = brief.split_once('|').expect("a line");
    let (method, version) = line.split_once(' ').expect("a version");
    format!("{method} /legacy/x HTTP/{version}|Host: h|{rest}").replace('|', "\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_in_two_ways_is_refused_together_with_what_follows() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    for (what, brief) in REFUSED {
        let mut client = home.send(&format!("{}{SMUGGLED}", written(brief))).await;
        let everything = String::from_utf8_lossy(&client.rest().await).into_owned();
        assert!(everything.starts_with("HTTP/1.1 400 "), "{what}: {everything}");
        assert_eq!(everything.matches("HTTP/1.1 ").count(), 1, "{what}: {everything}");
        upstream.assert_untouched(what).await;
    }
    // The check can fail: a request that is fine does arrive.
    let mut client = home.send(SMUGGLED).await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_are_none_never_make_a_complete_request() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    for chunk in [
        "zz\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
    ] {
        let head = "PUT /legacy/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut client = home.send(&format!("{head}{chunk}{SMUGGLED}")).await;
        // The request may be on its way before the chunk is seen.
        let upstream_sees = async {
            let mut wire = upstream.accept().await;
            let seen = String::from_utf8_lossy(&wire.rest().await).into_owned();
            assert!(!seen.contains("0\r\n\r\n") && !seen.contains("smuggled"), "{chunk:?}: {seen}");
        };
        tokio::select! {
            told = client.rest() => {
                let told = String::from_utf8_lossy(&told).into_owned();
                assert!(told.is_empty() || told.starts_with("HTTP/1.1 400 "), "{chunk:?}: {told}");
            }
            () = upstream_sees => {}
        }
    }
}

/// A line may end in LF alone (RFC 9112 section 2.2). What counts is that the application sees one reading only.
#[tokio::test(flavor = "multi_thread")]
async fn a_bare_lf_ends_a_line_and_is_not_passed_on() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let mut client = home.send("GET /legacy/x HTTP/1.1\nHost: h\nX-A: b\n\n").await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!(request.get("x-a"), Some("b"));
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!(client.message().await.status(), 200);
    // One that hides a length behind it is as ambiguous as one that shows it.
    let hidden = "POST /legacy/x HTTP/1.1\r\nHost: h\r\nX-A: b\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = home.send(&format!("{hidden}0\r\n\r\n{SMUGGLED}")).await;
    assert!(String::from_utf8_lossy(&client.rest().await).starts_with("HTTP/1.1 400 "));
    upstream.assert_untouched("a hidden length").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_has_two_readings_never_reaches_the_client() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let mut client = home.send("GET /legacy/x HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    // What follows the body that was told is not an answer to anybody.
    wire.write(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    )
    .await;
    assert_eq!(client.message().await.text(), "ok");
    client.write("GET /legacy/y HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!(request.first, "GET /legacy/y HTTP/1.1", "on a connection of its own");
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood").await;
    assert_eq!(client.message().await.text(), "good");
}

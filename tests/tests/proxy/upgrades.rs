//! WebSockets through the process.

use crate::kit::{Home, Upstream};
use crate::wire::Wire;

const ASK: &str = "GET /legacy/live HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const AGREE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

async fn joined(home: &Home, upstream: &Upstream) -> (Wire, Wire) {
    let mut client = home.send(ASK).await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!(request.get("upgrade"), Some("websocket"));
    assert_eq!(request.get("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    wire.write(AGREE).await;
    let head = client.head().await;
    assert_eq!(head.status(), 101);
    assert_eq!(head.get("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!((head.get("transfer-encoding"), head.get("content-length")), (None, None));
    (client, wire)
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_are_echoed_one_by_one_and_in_bulk() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let (mut client, mut wire) = joined(&home, &upstream).await;
    // A masked text frame of five bytes, as RFC 6455 section 5.7 shows it, and its echo.
    let (asked, echoed) = (b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", b"\x81\x05Hello");
    for _ in 0..5 {
        client.write(asked).await;
        assert_eq!(wire.exactly(asked.len()).await, asked);
        wire.write(echoed).await;
        assert_eq!(client.exactly(echoed.len()).await, echoed);
    }
    let much = vec![b'x'; 4 << 20];
    let (_, received) = tokio::join!(client.write(&much), wire.exactly(much.len()));
    assert!(received == much);
    let (_, received) = tokio::join!(wire.write(&much), client.exactly(much.len()));
    assert!(received == much);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_on_one_side_is_an_end_on_the_other() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let (mut client, mut wire) = joined(&home, &upstream).await;
    wire.write("bye").await;
    drop(wire);
    assert_eq!(client.rest().await, b"bye");
    let (mut client, mut wire) = joined(&home, &upstream).await;
    client.write("bye").await;
    drop(client);
    assert_eq!(wire.rest().await, b"bye");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_behind_a_declined_handshake_is_taken_for_a_request() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let mut client = home.send(&format!("{ASK}GET /legacy/smuggled HTTP/1.1\r\nHost: h\r\n\r\n")).await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
    let answer = client.message().await;
    assert_eq!((answer.status(), answer.text()), (403, "no"));
    assert!(client.rest().await.is_empty(), "the connection is closed");
    upstream.assert_untouched("what followed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_outlives_the_deadline_of_a_request() {
    let upstream = Upstream::listen().await;
    let toml = crate::kit::prefix("/legacy", upstream.address());
    let home = Home::with(&format!("{toml}[server]\nrequest_seconds = 2\n"));
    let (mut client, mut wire) = joined(&home, &upstream).await;
    // Another request's deadline is the clock: it began when this connection was joined, and has passed when it is told.
    let mut late = home.send("GET /legacy/late HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let held = upstream.request().await;
    assert_eq!(late.message().await.status(), 504);
    drop(held);
    client.write("still").await;
    assert_eq!(wire.exactly(5).await, b"still");
    wire.write("there").await;
    assert_eq!(client.exactly(5).await, b"there");
}

//! WebSockets.

use crate::kit::{Home, Upstream, Wire};

const ASK: &str = "GET /live HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const AGREE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

async fn joined() -> (Home, Wire, Wire) {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send(ASK).await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!((request.get("connection"), request.get("upgrade")), (Some("upgrade"), Some("websocket")));
    assert_eq!(request.get("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    wire.write(AGREE).await;
    let response = client.head().await;
    assert_eq!((response.status(), response.get("upgrade")), (101, Some("websocket")));
    assert_eq!(response.get("connection").map(str::to_ascii_lowercase).as_deref(), Some("upgrade"));
    assert_eq!((response.get("transfer-encoding"), response.get("content-length")), (None, None));
    (home, client, wire)
}

#[actix_web::test]
async fn bytes_go_both_ways_as_they_come() {
    let (_home, mut client, mut wire) = joined().await;
    for n in 0..3 {
        client.write(format!("up {n};")).await;
        assert_eq!(wire.until(";").await, format!("up {n};"));
        wire.write(format!("down {n};")).await;
        assert_eq!(client.until(";").await, format!("down {n};"));
    }
    let much = "x".repeat(1 << 20);
    let (_, received) = tokio::join!(client.write(&much), wire.exactly(1 << 20));
    assert_eq!(received.len(), 1 << 20);
}

#[actix_web::test]
async fn bytes_that_come_with_the_agreement_are_not_lost() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send(ASK).await;
    let (mut wire, _) = upstream.request().await;
    wire.write(format!("{AGREE}first;")).await;
    client.head().await;
    assert_eq!(client.until(";").await, "first;");
}

#[actix_web::test]
async fn when_the_upstream_ends_the_client_is_told() {
    let (_home, mut client, mut wire) = joined().await;
    wire.write("bye").await;
    drop(wire);
    assert_eq!(client.rest().await, b"bye");
}

#[actix_web::test]
async fn when_the_client_ends_the_upstream_is_told() {
    let (_home, mut client, mut wire) = joined().await;
    client.write("bye").await;
    drop(client);
    assert_eq!(wire.rest().await, b"bye");
}

#[actix_web::test]
async fn a_declined_handshake_is_answered_and_nothing_after_it_is_taken_for_a_request() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send(&format!("{ASK}GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")).await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno").await;
    let response = client.response().await;
    assert_eq!((response.status(), response.text()), (200, "no"));
    assert!(client.rest().await.is_empty(), "the connection is closed");
    assert!(upstream.is_untouched().await);
}

#[actix_web::test]
async fn a_switch_that_nobody_asked_for_is_502() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    wire.write(AGREE).await;
    assert_eq!(client.response().await.status(), 502);
    let mut client = home.send(ASK).await;
    let (mut wire, _) = upstream.request().await;
    wire.write(AGREE.replace("websocket", "h2c")).await;
    assert_eq!(client.head().await.status(), 502);
}

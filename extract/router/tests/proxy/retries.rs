//! What is sent again, and what never.

use crate::kit::{Home, Upstream, Wire, out, settings};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A home whose one idle connection dies with the next request on it.
async fn with_a_used_connection() -> (Upstream, Home, Wire) {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send("GET /warm HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    wire.write(OK).await;
    client.response().await;
    (upstream, home, wire)
}

#[actix_web::test]
async fn connections_are_used_again() {
    let (_upstream, home, mut wire) = with_a_used_connection().await;
    for _ in 0..3 {
        let mut client = home.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
        wire.request().await;
        wire.write(OK).await;
        assert_eq!(client.response().await.text(), "ok");
    }
}

#[actix_web::test]
async fn a_connection_that_the_upstream_closed_is_not_used() {
    let (upstream, home, wire) = with_a_used_connection().await;
    drop(wire);
    let mut client = home.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    wire.write(OK).await;
    assert_eq!(client.response().await.status(), 200);
}

#[actix_web::test]
async fn a_read_on_a_used_connection_that_dies_is_sent_again() {
    let bodies = [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: h\r\nIdempotency-Key: k\r\nContent-Length: 5\r\n\r\nhello",
    ];
    for request in bodies {
        let (upstream, home, mut wire) = with_a_used_connection().await;
        let mut client = home.send(request).await;
        let first = wire.request().await;
        drop(wire);
        let (mut wire, second) = upstream.request().await;
        assert_eq!((first.first, first.body), (second.first, second.body));
        wire.write(OK).await;
        assert_eq!(client.response().await.status(), 200);
    }
}

#[actix_web::test]
async fn an_effect_or_a_streamed_body_is_never_sent_twice() {
    let requests = [
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        "PATCH / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
        "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ];
    for request in requests {
        let (upstream, home, mut wire) = with_a_used_connection().await;
        let mut client = home.send(request).await;
        wire.request().await;
        drop(wire);
        let response = client.response().await;
        assert_eq!((response.status(), response.get("x-blame")), (502, Some("Upstream/Maybe")), "{request}");
        assert!(upstream.is_untouched().await);
    }
}

#[actix_web::test]
async fn a_read_on_a_new_connection_that_dies_is_not_sent_again() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    drop(upstream.request().await);
    assert_eq!(client.response().await.status(), 502);
    assert!(upstream.is_untouched().await);
}

#[actix_web::test]
async fn an_instance_that_refuses_connections_costs_no_request_whatever_the_method() {
    let (alive, dead) = (Upstream::listen().await, Upstream::listen().await);
    let home = Home::with(settings(), out(1, &[dead.address(), alive.address()])).await;
    drop(dead);
    for _ in 0..20 {
        let mut client =
            home.send("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi").await;
        let (mut wire, request) = alive.request().await;
        assert_eq!(request.text(), "hi");
        wire.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").await;
        assert_eq!(client.response().await.status(), 200);
    }
}

/// Two instances; gives the wire of the one that was asked, with the other.
async fn asked_of(first: Upstream, second: Upstream) -> (Wire, Upstream) {
    tokio::select! {
        (wire, _) = first.request() => (wire, second),
        (wire, _) = second.request() => (wire, first),
    }
}

#[actix_web::test]
async fn a_read_goes_to_another_instance_when_its_own_dies_but_not_to_a_third() {
    let (first, second) = (Upstream::listen().await, Upstream::listen().await);
    let home = Home::with(settings(), out(1, &[first.address(), second.address()])).await;
    let mut client = home.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (wire, other) = asked_of(first, second).await;
    drop(wire);
    let (mut wire, _) = other.request().await;
    wire.write(OK).await;
    assert_eq!(client.response().await.status(), 200);

    // A request that brings down whoever is asked does not go round.
    let upstreams = [Upstream::listen().await, Upstream::listen().await, Upstream::listen().await];
    let addresses = upstreams.each_ref().map(Upstream::address);
    let home = Home::with(settings(), out(1, &addresses)).await;
    let mut client = home.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let [first, second, third] = upstreams;
    for _ in 0..2 {
        tokio::select! {
            died = first.request() => drop(died),
            died = second.request() => drop(died),
            died = third.request() => drop(died),
        }
    }
    assert_eq!(client.response().await.status(), 502);
    for upstream in [first, second, third] {
        assert!(upstream.is_untouched().await);
    }
}

#[actix_web::test]
async fn an_effect_stays_where_it_was_sent_when_its_instance_dies() {
    let (first, second) = (Upstream::listen().await, Upstream::listen().await);
    let home = Home::with(settings(), out(1, &[first.address(), second.address()])).await;
    let mut client = home.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi").await;
    let (wire, other) = asked_of(first, second).await;
    drop(wire);
    assert_eq!(client.response().await.status(), 502);
    assert!(other.is_untouched().await);
}

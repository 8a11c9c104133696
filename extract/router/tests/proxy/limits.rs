//! Bounds.

use crate::kit::{Home, Upstream, out, settings};

#[actix_web::test]
async fn a_body_beyond_the_limit_is_413_whether_it_says_so_or_not() {
    let upstream = Upstream::listen().await;
    let mut settings = settings();
    settings.limits.body = 100;
    let home = Home::with(settings, out(1, &[upstream.address()])).await;
    let mut client = home.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n").await;
    assert_eq!(client.response().await.status(), 413);
    assert!(upstream.is_untouched().await);
    let body = format!("65\r\n{}\r\n0\r\n\r\n", "x".repeat(101));
    let mut client =
        home.send(&format!("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}")).await;
    assert_eq!(client.response().await.status(), 413);
}

#[actix_web::test]
async fn headers_beyond_the_limit_are_431_and_502() {
    let upstream = Upstream::listen().await;
    let mut settings = settings();
    settings.limits.headers = 10_000;
    let home = Home::with(settings, out(1, &[upstream.address()])).await;
    let long = "x".repeat(10_000);
    let mut client = home.send(&format!("GET / HTTP/1.1\r\nHost: h\r\nX-Long: {long}\r\n\r\n")).await;
    assert_eq!(client.response().await.status(), 431);
    let mut client = home.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    wire.write(format!("HTTP/1.1 200 OK\r\nX-Long: {long}\r\nContent-Length: 0\r\n\r\n")).await;
    assert_eq!(client.response().await.status(), 502);
}

#[actix_web::test]
async fn connections_to_an_upstream_are_bounded() {
    let upstream = Upstream::listen().await;
    let mut settings = settings();
    settings.pool.most = 2;
    let home = Home::with(settings, out(1, &[upstream.address()])).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let client = home.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
        held.push((client, upstream.request().await));
    }
    let mut client = home.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!((response.status(), response.get("x-blame")), (503, Some("Internal/No")));
    let (mut first, (mut wire, _)) = held.remove(0);
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    first.response().await;
    let mut client = home.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    wire.request().await;
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(client.response().await.status(), 200);
}

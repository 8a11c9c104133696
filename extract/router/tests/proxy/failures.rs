//! Upstreams and clients that die, stall or talk nonsense.

use std::time::Duration;

use crate::kit::{Home, Upstream, out, settings};

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

#[actix_web::test]
async fn no_connection_is_503_with_retry_after_and_nothing_was_executed() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    drop(upstream);
    let mut client = home.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi").await;
    let response = client.response().await;
    assert_eq!((response.status(), response.get("retry-after")), (503, Some("1")));
    assert_eq!(response.get("x-blame"), Some("Upstream/No"));
}

#[actix_web::test]
async fn dying_before_the_head_is_502_and_may_have_been_executed() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    for part in ["", "HTTP/1.1 200 OK\r\nContent-"] {
        let mut client = home.send(GET).await;
        let (mut wire, _) = upstream.request().await;
        wire.write(part).await;
        drop(wire);
        let response = client.response().await;
        assert_eq!(
            (response.status(), response.get("x-blame")),
            (502, Some("Upstream/Maybe")),
            "after {part:?}"
        );
    }
}

#[actix_web::test]
async fn an_answer_that_is_not_http_is_502() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    for nonsense in
        ["SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"]
    {
        let mut client = home.send(GET).await;
        let (mut wire, _) = upstream.request().await;
        wire.write(nonsense).await;
        assert_eq!(client.response().await.status(), 502, "{nonsense:?}");
    }
}

#[actix_web::test]
async fn dying_in_the_body_breaks_the_clients_connection_so_that_it_can_tell() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    for head in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
        let mut client = home.send(GET).await;
        let (mut wire, _) = upstream.request().await;
        wire.write(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n")).await;
        assert_eq!(client.head().await.status(), 200);
        wire.write("3\r\nabc\r\n").await;
        assert!(!client.exactly(3).await.is_empty());
        drop(wire);
        let rest = String::from_utf8(client.rest().await).unwrap();
        assert!(!rest.ends_with("0\r\n\r\n"), "a body that ended properly would look complete: {rest:?}");
    }
}

#[actix_web::test]
async fn dying_in_the_upload_is_502() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nbegin").await;
    let mut wire = upstream.accept().await;
    wire.head().await;
    wire.exactly(5).await;
    drop(wire);
    let response = client.response().await;
    assert_eq!((response.status(), response.get("x-blame")), (502, Some("Upstream/Maybe")));
}

#[actix_web::test]
async fn no_answer_before_the_deadline_is_504() {
    let upstream = Upstream::listen().await;
    let home = Home::patient(settings(), out(1, &[upstream.address()]), Duration::from_millis(200)).await;
    let mut client = home.send(GET).await;
    let (mut wire, _) = upstream.request().await;
    let response = client.response().await;
    assert_eq!((response.status(), response.get("x-blame")), (504, Some("Upstream/Maybe")));
    assert!(wire.rest().await.is_empty(), "the upstream learns that nobody waits");
}

#[actix_web::test]
async fn a_body_that_stands_still_is_cut_off() {
    let upstream = Upstream::listen().await;
    let mut settings = settings();
    settings.limits.idle = Duration::from_millis(300);
    let home = Home::with(settings, out(1, &[upstream.address()])).await;
    let mut client = home.send(GET).await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").await;
    client.head().await;
    assert_eq!(client.rest().await, b"abc");
    assert!(wire.rest().await.is_empty(), "and the upstream is let go");
}

#[actix_web::test]
async fn a_client_that_does_not_read_does_not_keep_its_upstream() {
    let upstream = Upstream::listen().await;
    let mut settings = settings();
    settings.limits.idle = Duration::from_millis(300);
    let home = Home::with(settings, out(1, &[upstream.address()])).await;
    let client = home.send(GET).await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").await;
    let piece = vec![0; 1 << 20];
    let mut sent = 0;
    while wire.try_write(&piece).await {
        sent += 1;
        assert!(sent < 100, "all of it was taken although nobody reads");
    }
    drop(client);
}

#[actix_web::test]
async fn a_client_that_pauses_in_its_upload_is_told_408() {
    let upstream = Upstream::listen().await;
    let mut settings = settings();
    settings.limits.idle = Duration::from_millis(300);
    let home = Home::with(settings, out(1, &[upstream.address()])).await;
    for length in [100, 1_000_000] {
        let mut client =
            home.send(&format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\nbegin")).await;
        let response = client.response().await;
        assert_eq!((response.status(), response.get("x-blame")), (408, Some("Client/Maybe")), "{length}");
    }
}

#[actix_web::test]
async fn a_client_that_leaves_in_its_upload_leaves_a_broken_request_behind() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    for framing in
        ["Content-Length: 1000000\r\n\r\nbegin", "Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n"]
    {
        let client = home.send(&format!("PUT / HTTP/1.1\r\nHost: h\r\n{framing}")).await;
        let mut wire = upstream.accept().await;
        wire.head().await;
        wire.until("begin").await;
        drop(client);
        let rest = String::from_utf8(wire.rest().await).unwrap();
        assert!(!rest.ends_with("0\r\n\r\n"), "it must not look complete: {rest:?}");
    }
}

#[actix_web::test]
async fn a_client_that_leaves_while_it_is_answered_lets_the_upstream_go() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send(GET).await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    client.head().await;
    drop(client);
    let mut pieces = 0;
    while wire.try_write("4\r\nabcd\r\n").await {
        pieces += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(pieces < 10_000, "the upstream still thinks that somebody listens");
    }
}

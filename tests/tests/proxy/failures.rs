//! Applications that die at each point of an exchange: a clear error or a body that visibly broke off, never an answer that
//! only looks complete.

use crate::kit::{Home, Upstream};

const GET: &str = "GET /legacy/x HTTP/1.1\r\nHost: h\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn dying_before_its_head_is_complete_is_502() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    for part in ["", "HTTP/1.1 200 OK\r\nContent-", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"] {
        let mut client = home.send(GET).await;
        let (mut wire, _) = upstream.request().await;
        wire.write(part).await;
        drop(wire);
        let answer = client.message().await;
        assert_eq!((answer.status(), answer.error_code().as_str()), (502, "UPSTREAM_FAILED"), "{part:?}");
        // The client's connection is as good as before.
        client.write("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert_eq!(client.message().await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_is_502() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    for nonsense in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nab",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ] {
        let mut client = home.send(GET).await;
        let (mut wire, _) = upstream.request().await;
        wire.write(nonsense).await;
        let answer = client.message().await;
        assert_eq!((answer.status(), answer.error_code().as_str()), (502, "UPSTREAM_FAILED"), "{nonsense:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dying_in_the_body_breaks_the_clients_connection_so_that_it_can_tell() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    for (framing, part) in [
        ("Content-Length: 10", "abc"),
        ("Transfer-Encoding: chunked", "3\r\nabc\r\n"),
        ("Transfer-Encoding: chunked", "a\r\nabc"),
    ] {
        let mut client = home.send(GET).await;
        let (mut wire, _) = upstream.request().await;
        wire.write(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n")).await;
        let head = client.head().await;
        assert_eq!(head.status(), 200);
        wire.write(part).await;
        drop(wire);
        let rest = String::from_utf8(client.rest().await).expect("text");
        let complete = match head.get("content-length") {
            Some(length) => rest.len() >= length.parse::<usize>().expect("a length"),
            None => rest.ends_with("0\r\n\r\n"),
        };
        assert!(!complete, "{framing} {part:?} looks complete: {rest:?}");
    }
    // The same as a library sees it, which is what users have.
    let asked = tokio::spawn(home.client().get("/legacy/x").try_send());
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    drop(wire);
    assert!(asked.await.expect("it ends").is_err(), "a client takes the truncated body for the whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn dying_in_the_upload_is_502() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    for framing in
        ["Content-Length: 1000000\r\n\r\nbegin", "Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n"]
    {
        let mut client = home.send(&format!("PUT /legacy/x HTTP/1.1\r\nHost: h\r\n{framing}")).await;
        let mut wire = upstream.accept().await;
        wire.head().await;
        wire.discard(5).await;
        drop(wire);
        let answer = client.message().await;
        assert_eq!((answer.status(), answer.error_code().as_str()), (502, "UPSTREAM_FAILED"), "{framing}");
        // What was still to come of the upload is no request, whether it is read or not.
        let smuggled = "GET /legacy/smuggled HTTP/1.1\r\nHost: h\r\n\r\n".repeat(100);
        client.try_write(&smuggled).await;
        upstream.assert_untouched("what was in the upload").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_its_upload_leaves_no_request_that_looks_complete() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    for framing in
        ["Content-Length: 1000000\r\n\r\nbegin", "Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n"]
    {
        let client = home.send(&format!("PUT /legacy/x HTTP/1.1\r\nHost: h\r\n{framing}")).await;
        let mut wire = upstream.accept().await;
        wire.head().await;
        wire.discard(5).await;
        drop(client);
        let rest = String::from_utf8(wire.rest().await).expect("text");
        assert!(!rest.ends_with("0\r\n\r\n"), "{framing} looks complete: {rest:?}");
        assert!(rest.len() < 1000, "{framing}: more than was sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_while_it_is_answered_lets_the_application_go() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let mut client = home.send(GET).await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await;
    client.head().await;
    drop(client);
    let (piece, mut sent) = (vec![0; 1 << 20], 0);
    while wire.try_write(&piece).await {
        sent += 1;
        assert!(sent < 900, "all of it was taken although nobody is there");
    }
}

//! Large bodies pass without the process growing: 64 MiB each way, and 1 GiB with `BANYAN_TEST_LARGE=1`.

use std::time::Instant;

use system_tests::server::Server;
use system_tests::shop::Shop;

use crate::kit::{Home, Upstream, prefix};

/// More than all buffers on the way, and far less than a body.
const GROWTH: u64 = 24 << 20;
const PIECE: usize = 1 << 20;

fn size() -> u64 {
    let large = std::env::var("BANYAN_TEST_LARGE").is_ok_and(|large| large == "1");
    if large { 1 << 30 } else { 64 << 20 }
}

/// A line of the process's status in bytes.
fn memory(server: &Server, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("its status");
    let line = status.lines().find(|known| known.starts_with(line)).expect("the line");
    let kibibytes: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    kibibytes << 10
}

/// Forgets the most it ever had, and gives what it has now.
fn begin(server: &Server) -> u64 {
    std::fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").expect("its mark can be reset");
    memory(server, "VmRSS:")
}

#[expect(clippy::print_stderr, reason = "the figures are part of a run's report")]
fn end(server: &Server, what: &str, before: u64, began: Instant) {
    let most = memory(server, "VmHWM:");
    let grown = most.saturating_sub(before);
    let (size, seconds) = (size() >> 20, began.elapsed().as_secs_f64());
    eprintln!(
        "{what} of {size} MiB in {seconds:.1} s: grew by {} KiB from {} MiB",
        grown >> 10,
        before >> 20
    );
    assert!(grown < GROWTH, "{what}: it grew by {} MiB", grown >> 20);
}

/// A home that has forwarded before, so that what it needs only once is there.
async fn warm(upstream: &Upstream) -> Home {
    let deadline = "[server]\nrequest_seconds = 600\nworkers = 1\n";
    let home = Home::with(&format!("{}{deadline}", prefix("/legacy", upstream.address())));
    let mut client = home
        .send("POST /legacy/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")
        .await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await;
    assert_eq!(client.message().await.text(), "ok");
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_held_whole_is_seen_as_growth() {
    let shop = Shop::open();
    let operator = shop.operator().await;
    let (server, mebibytes) = (&shop.server, 14);
    let before = begin(server);
    let import = shop.client.post("/api/v1/admin/products/import").bearer(&operator.token);
    let import = import.key("held-whole").raw("text/csv", vec![b'x'; mebibytes << 20]);
    assert_eq!(import.send().await.expect(400).error_code(), "MALFORMED_CSV");
    let grown = memory(server, "VmHWM:").saturating_sub(before) >> 20;
    assert!(grown >= 10, "of {mebibytes} MiB that are held only {grown} are seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_download_is_streamed() {
    let upstream = Upstream::listen().await;
    let home = warm(&upstream).await;
    let (before, began) = (begin(&home.server), Instant::now());
    let mut client = home.send("GET /legacy/x HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    let sent = async {
        wire.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", size())).await;
        let piece = vec![7; PIECE];
        for _ in 0..size() >> 20 {
            wire.write(&piece).await;
        }
    };
    let received = async {
        assert_eq!(client.head().await.get("content-length"), Some(size().to_string().as_str()));
        client.discard(size()).await
    };
    let ((), received) = tokio::join!(sent, received);
    assert_eq!(received, size());
    end(&home.server, "a download", before, began);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_is_streamed() {
    let upstream = Upstream::listen().await;
    let home = warm(&upstream).await;
    let (before, began) = (begin(&home.server), Instant::now());
    let head = format!("PUT /legacy/x HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", size());
    let mut client = home.send(&head).await;
    let mut wire = upstream.accept().await;
    let sent = async {
        let piece = vec![7; PIECE];
        for _ in 0..size() >> 20 {
            client.write(&piece).await;
        }
    };
    let received = async {
        assert_eq!(wire.head().await.get("content-length"), Some(size().to_string().as_str()));
        wire.discard(size()).await
    };
    let ((), received) = tokio::join!(sent, received);
    assert_eq!(received, size());
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(client.message().await.status(), 200);
    end(&home.server, "an upload", before, began);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_holds_the_application_back() {
    let upstream = Upstream::listen().await;
    let home = warm(&upstream).await;
    let before = begin(&home.server);
    let _client = home.send("GET /legacy/x HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    wire.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1_u64 << 30)).await;
    let piece = vec![7; PIECE];
    let mut sent = 0;
    // Until nothing is taken for a while: all buffers on the way are full.
    let pause = std::time::Duration::from_millis(500);
    while tokio::time::timeout(pause, wire.try_write(&piece)).await.is_ok() {
        sent += 1;
        assert!(sent < 100, "it swallows what nobody reads");
    }
    assert!(memory(&home.server, "VmHWM:") < before + GROWTH);
}

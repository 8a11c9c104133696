//! Large bodies pass without the process growing.
//!
//! By default 64 MiB each way; `BANYAN_TEST_LARGE_MIB=1024` for the full size.

use crate::kit::{Home, Upstream};

/// More than all buffers on the way, and far less than a body.
const GROWTH: u64 = 24 << 20;

fn size() -> u64 {
    let mib = std::env::var("BANYAN_TEST_LARGE_MIB").ok().and_then(|mib| mib.parse().ok()).unwrap_or(64);
    mib << 20
}

/// The resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

#[actix_web::test]
async fn a_large_download_is_streamed() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    let piece = vec![7; 1 << 20];
    let before = resident();
    let sent = async {
        wire.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", size())).await;
        let mut most = 0;
        for _ in 0..size() >> 20 {
            wire.write(&piece).await;
            most = most.max(resident());
        }
        most
    };
    let received = async {
        client.head().await;
        client.count_rest().await
    };
    let (most, received) = tokio::join!(sent, received);
    assert_eq!(u64::try_from(received).unwrap(), size());
    assert!(most < before + GROWTH, "grew by {} MiB", (most - before) >> 20);
}

#[actix_web::test]
async fn a_large_upload_is_streamed() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.connect().await;
    let piece = vec![7; 1 << 20];
    let before = resident();
    let sent = async {
        client.write(format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", size())).await;
        let mut most = 0;
        for _ in 0..size() >> 20 {
            client.write(&piece).await;
            most = most.max(resident());
        }
        (client, most)
    };
    let received = async {
        let mut wire = upstream.accept().await;
        wire.head().await;
        for _ in 0..size() >> 20 {
            wire.exactly(1 << 20).await;
        }
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        wire
    };
    let ((mut client, most), _wire) = tokio::join!(sent, received);
    assert_eq!(client.response().await.status(), 200);
    assert!(most < before + GROWTH, "grew by {} MiB", (most - before) >> 20);
}

#[actix_web::test]
async fn a_client_that_does_not_read_holds_its_upstream_back() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let client = home.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    wire.write(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1_u64 << 30)).await;
    let before = resident();
    let piece = vec![7; 1 << 20];
    let mut sent = 0;
    // Until nothing is taken for a while: the buffers of the sockets and of the proxy are full.
    while tokio::time::timeout(std::time::Duration::from_millis(500), wire.write(&piece)).await.is_ok() {
        sent += 1;
        assert!(sent < 200, "the proxy swallows what nobody reads");
    }
    assert!(resident() < before + GROWTH);
    drop((client, home.address()));
}

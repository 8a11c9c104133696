//! Clients that take their time are bounded.

use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use crate::kit::{Home, Upstream, prefix};
use crate::wire::Wire;

/// What a slow client may take at most; home's bounds are far below.
const BOUND: Duration = Duration::from_secs(18);

/// Sends `piece` every 100 ms until the other side ends or answers, and gives what it said.
async fn trickle(client: &mut Wire, piece: &str) -> String {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let told = tokio::time::timeout(BOUND, async {
        loop {
            tick.tick().await;
            if !client.try_write(piece).await {
                return client.rest().await;
            }
            if client.has_said_something().await {
                return client.rest().await;
            }
        }
    });
    let told = told.await.unwrap_or_else(|_| panic!("{piece:?} was taken for more than {BOUND:?}"));
    String::from_utf8(told).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_trickles_in_is_given_up() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let began = Instant::now();
    let mut client = home.send("GET /legacy/x HTTP/1.1\r\nHost: h\r\n").await;
    let told = trickle(&mut client, "X-A: b\r\n").await;
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    assert!(began.elapsed() < Duration::from_secs(10), "after {:?}", began.elapsed());
    upstream.assert_untouched("half a head").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_trickles_in_is_given_up_at_the_deadline_whether_it_is_short_or_long() {
    let upstream = Upstream::listen().await;
    let toml = prefix("/legacy", upstream.address());
    let home = Home::with(&format!("{toml}[server]\nrequest_seconds = 2\n"));
    for framing in [
        "Content-Length: 1000\r\n\r\n",
        "Content-Length: 1000000\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
    ] {
        let began = Instant::now();
        let mut client = home.send(&format!("PUT /legacy/x HTTP/1.1\r\nHost: h\r\n{framing}")).await;
        let piece = if framing.starts_with("Transfer") { "1\r\nx\r\n" } else { "x" };
        let told = trickle(&mut client, piece).await;
        assert!(
            ["HTTP/1.1 408 ", "HTTP/1.1 504 "].iter().any(|status| told.starts_with(status)),
            "{framing}: {told}"
        );
        assert!(began.elapsed() < Duration::from_secs(6), "{framing}: after {:?}", began.elapsed());
    }
    home.client().get("/healthz").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_slow_clients_do_not_keep_others_out() {
    let upstream = Upstream::listen().await;
    let home = Home::before(&upstream);
    let mut slow = Vec::new();
    for n in 0..200 {
        let part = if n % 2 == 0 {
            "GET /legacy/x HTT"
        } else {
            "PUT /legacy/x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx"
        };
        slow.push(home.send(part).await);
    }
    let began = Instant::now();
    home.client().get("/api/v1/products?limit=1").send().await.expect(200);
    let mut client = home.send("GET /legacy/y HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!(client.message().await.text(), "ok");
    assert!(began.elapsed() < Duration::from_secs(3), "after {:?}", began.elapsed());
}

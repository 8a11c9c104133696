//! The router around the proxy: tables, parking, epochs, health.

use std::time::{Duration, Instant};

use router::table::{Percent, Placement};
use router::{InstallError, Table};

use crate::kit::{Home, MODULE, Upstream, Wire, out, settings, within};

const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    within(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

async fn serve(upstream: &Upstream, client: &mut Wire) -> (Wire, u16) {
    let (mut wire, _) = upstream.request().await;
    wire.write(OK).await;
    (wire, client.response().await.status())
}

#[actix_web::test]
async fn a_module_is_local_until_a_table_says_otherwise_and_again_after() {
    let upstream = Upstream::listen().await;
    let home = Home::with(settings(), Table { generation: 1, ..Table::default() }).await;
    assert_eq!(home.send(GET).await.response().await.text(), "local");
    home.router.install(out(2, &[upstream.address()])).unwrap();
    let mut client = home.send(GET).await;
    assert_eq!(serve(&upstream, &mut client).await.1, 200);
    home.router.install(Table { generation: 3, ..Table::default() }).unwrap();
    assert_eq!(home.send(GET).await.response().await.text(), "local");
    let stats = home.router.stats();
    assert_eq!((stats[0].remote.requests, stats[0].inside), (1, 0));
}

#[actix_web::test]
async fn an_operator_reaches_the_candidate_at_weight_zero() {
    let upstream = Upstream::listen().await;
    let mut table = out(1, &[upstream.address()]);
    table.modules.get_mut(MODULE).unwrap().weight = Percent::ZERO;
    let home = Home::with(settings(), table).await;
    assert_eq!(home.send(GET).await.response().await.text(), "local");
    let mut client = home.send("GET / HTTP/1.1\r\nHost: h\r\nX-Banyan-Placement: remote\r\n\r\n").await;
    let (mut wire, request) = upstream.request().await;
    assert_eq!(request.get("x-banyan-placement"), None);
    wire.write(OK).await;
    assert_eq!(client.response().await.text(), "ok");
}

#[actix_web::test]
async fn generations_only_grow_and_a_table_is_installed_whole_or_not() {
    let upstream = Upstream::listen().await;
    let home = Home::with(settings(), out(5, &[upstream.address()])).await;
    let local = |generation| Table { generation, ..Table::default() };
    assert_eq!(home.router.install(local(4)), Err(InstallError::Stale { offered: 4, installed: 5 }));
    assert_eq!(home.router.install(local(5)), Err(InstallError::Conflict(5)));
    assert_eq!(home.router.install(out(5, &[upstream.address()])), Ok(()), "the same again changes nothing");
    let mut unknown = local(6);
    unknown.modules.insert("other".to_owned(), Placement::default());
    assert_eq!(home.router.install(unknown), Err(InstallError::UnknownModule("other".to_owned())));
    assert_eq!(home.router.generation(), 5);
}

#[actix_web::test]
async fn requests_wait_during_a_switch_and_run_once_at_the_new_place() {
    let (old, new) = (Upstream::listen().await, Upstream::listen().await);
    let home = Home::with(settings(), out(1, &[old.address()])).await;
    let mut running = home.send(GET).await;
    let (mut wire, _) = old.request().await;
    assert!(home.router.park(MODULE));
    assert!(!home.router.drained(MODULE, Instant::now()).await, "one is being executed");
    let mut waiting = home.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi").await;
    until("the request to be parked", || home.router.stats()[0].waiting == 1).await;
    wire.write(OK).await;
    assert_eq!(running.response().await.status(), 200);
    assert!(home.router.drained(MODULE, soon()).await);
    home.router.install(out(2, &[new.address()])).unwrap();
    assert!(home.router.release(MODULE));
    let (mut wire, request) = new.request().await;
    assert_eq!(request.text(), "hi");
    wire.write(OK).await;
    assert_eq!(waiting.response().await.status(), 200);
    assert!(old.is_untouched().await && new.is_untouched().await);
}

#[actix_web::test]
async fn a_switch_that_takes_too_long_is_503_with_retry_after() {
    let mut settings = settings();
    settings.gate.park = Duration::from_millis(100);
    let mut table = Table { generation: 1, ..Table::default() };
    table.modules.insert(MODULE.to_owned(), Placement { parked: true, ..Placement::default() });
    let home = Home::with(settings, table).await;
    let response = home.send(GET).await.response().await;
    assert_eq!((response.status(), response.get("retry-after")), (503, Some("1")));
    assert_eq!(response.get("x-blame"), Some("Internal/No"));
    home.router.install(Table { generation: 2, ..Table::default() }).unwrap();
    assert_eq!(home.send(GET).await.response().await.text(), "local");
}

#[actix_web::test]
async fn a_long_answer_does_not_hold_up_a_switch() {
    let upstream = Upstream::listen().await;
    let home = Home::of(&upstream).await;
    let mut client = home.send(GET).await;
    let (mut wire, _) = upstream.request().await;
    wire.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    client.head().await;
    home.router.park(MODULE);
    assert!(home.router.drained(MODULE, soon()).await);
    wire.write("2\r\nhi\r\n").await;
    assert_eq!(client.chunk().await, b"hi");
}

#[actix_web::test]
async fn a_request_to_a_former_owner_goes_to_the_present_one_with_its_epoch() {
    let (old, new) = (Upstream::listen().await, Upstream::listen().await);
    let home = Home::with(settings(), out(1, &[old.address()])).await;
    let mut client = home.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi").await;
    let (mut wire, request) = old.request().await;
    assert_eq!(request.get("x-module-epoch"), Some("7"));
    let mut table = out(2, &[new.address()]);
    table.modules.get_mut(MODULE).unwrap().epoch = 8;
    home.router.install(table).unwrap();
    let misdirected = "HTTP/1.1 421 Misdirected Request\r\nX-Module-Epoch: 8\r\nContent-Length: 0\r\n\r\n";
    wire.write(misdirected).await;
    let (mut wire, request) = new.request().await;
    assert_eq!((request.get("x-module-epoch"), request.text()), (Some("8"), "hi"));
    wire.write(OK).await;
    assert_eq!(client.response().await.status(), 200);

    let mut client = home.send(GET).await;
    wire.request().await;
    wire.write(misdirected).await;
    let response = client.response().await;
    assert_eq!(
        (response.status(), response.get("x-blame")),
        (503, Some("Upstream/No")),
        "nobody newer is known"
    );
}

#[actix_web::test]
async fn a_request_to_an_instance_that_does_not_own_the_module_yet_goes_to_another() {
    let (one, other) = (Upstream::listen().await, Upstream::listen().await);
    let home = Home::with(settings(), out(1, &[one.address(), other.address()])).await;
    let mut client = home.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi").await;
    let (mut first, next) = tokio::select! {
        (wire, _) = one.request() => (wire, &other),
        (wire, _) = other.request() => (wire, &one),
    };
    first.write("HTTP/1.1 421 Misdirected Request\r\nX-Module-Epoch: 0\r\nContent-Length: 0\r\n\r\n").await;
    let (mut second, request) = next.request().await;
    assert_eq!(request.text(), "hi");
    second.write(OK).await;
    assert_eq!(client.response().await.status(), 200);
}

#[actix_web::test]
async fn an_upstream_that_fails_is_left_alone_and_tried_again_later() {
    let upstream = Upstream::listen().await;
    let mut settings = settings();
    settings.breaker.shortest = Duration::from_millis(200);
    let home = Home::with(settings, out(1, &[upstream.address()])).await;
    for _ in 0..5 {
        let mut client = home.send(GET).await;
        let (mut wire, _) = upstream.request().await;
        wire.write("HTTP/1.1 503 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(client.response().await.status(), 503, "the upstream's own answer");
    }
    let response = home.send(GET).await.response().await;
    assert!(response.text().contains("no instance"), "{}", response.text());
    assert!(upstream.is_untouched().await);
    assert!(home.router.stats()[0].instances[0].broken);
    within("the probe", async {
        loop {
            let mut client = home.send(GET).await;
            tokio::select! {
                response = client.response() => assert_eq!(response.status(), 503, "the backoff is not over"),
                (mut wire, _) = upstream.request() => {
                    wire.write(OK).await;
                    assert_eq!(client.response().await.status(), 200);
                    break;
                }
            }
        }
    })
    .await;
    assert!(!home.router.stats()[0].instances[0].broken);
}

#[actix_web::test]
async fn an_ill_upstream_is_not_asked_and_comes_back_by_itself() {
    let upstream = Upstream::listen().await;
    let mut settings = settings();
    settings.health.interval = Duration::from_millis(20);
    let home = Home::with(settings, out(1, &[upstream.address()])).await;
    let watch = tokio::spawn({
        let router = home.router.clone();
        async move { router.watch_health().await }
    });
    for (status, healthy) in [(500, false), (200, true)] {
        within("the checks to notice", async {
            while home.router.stats()[0].instances[0].healthy != healthy {
                let (mut wire, request) = upstream.request().await;
                assert_eq!(request.first, "GET /healthz HTTP/1.1");
                wire.write(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")).await;
                drop(wire.rest().await);
            }
        })
        .await;
        if !healthy {
            assert_eq!(home.send(GET).await.response().await.status(), 503);
        }
    }
    watch.abort();
}

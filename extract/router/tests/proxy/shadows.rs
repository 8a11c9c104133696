//! Comparing placements on live reads.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::HeaderName;
use actix_web::test::TestRequest;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use router::shadow::{Primary, Report, Sample};
use router::table::{Percent, Placement, Shadow};
use router::verdict::Verdict;
use router::{Router, Settings};

use crate::kit::{MODULE, Upstream, out, settings, url, within};

const BODY: &str = r#"{"price":1,"at":"noon"}"#;

fn shadowing(settings: Settings, candidate: &Upstream, percent: u8) -> Arc<Router> {
    let router = Router::new(settings, &[MODULE]);
    let mut table = out(1, &[candidate.address()]);
    let shadow = Some(Shadow { percent: Percent::try_from(percent).unwrap() });
    let placement = table.modules.remove(MODULE).unwrap();
    let placement = Placement { weight: Percent::ZERO, shadow, ..placement };
    table.modules.insert(MODULE.to_owned(), placement);
    router.install(table).unwrap();
    Arc::new(router)
}

fn sample(method: &str, body: &'static str) -> Option<Sample> {
    let method = method.parse().unwrap();
    let request = TestRequest::with_uri("/products?q=a").method(method);
    let request = request.insert_header((HeaderName::from_static("cookie"), "a=b")).to_http_request();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    Sample::of(MODULE, &request, 200, headers, Bytes::from_static(body.as_bytes()))
}

/// Answers every request with this.
fn answering(body: &'static str) -> (Upstream, impl Fn(Upstream) -> tokio::task::JoinHandle<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    (Upstream::of(listener), move |upstream: Upstream| {
        tokio::spawn(async move {
            loop {
                let (mut wire, request) = upstream.request().await;
                assert_eq!(request.first, "GET /products?q=a HTTP/1.1");
                assert_eq!(request.get("cookie"), Some("a=b"));
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
                wire.write(format!("{head} {}\r\n\r\n{body}", body.len())).await;
            }
        })
    })
}

async fn compared(candidate: &'static str, primary: &'static str, samples: u64) -> Report {
    let ((candidate, answer_candidate), (primary, answer_primary)) =
        (answering(candidate), answering(primary));
    let router = shadowing(settings(), &candidate, 100);
    let asked =
        Primary { url: url(primary.address()), headers: vec![("x-second".to_owned(), "1".to_owned())] };
    let tasks = [answer_candidate(candidate), answer_primary(primary)];
    let worker = tokio::spawn({
        let router = Arc::clone(&router);
        async move { router.watch_shadows(asked).await }
    });
    for _ in 0..samples {
        router.shadow(sample("GET", BODY).unwrap());
    }
    within("the comparisons", async {
        while router.shadow_report(MODULE).compared < samples {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    worker.abort();
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    router.shadow_report(MODULE)
}

#[actix_web::test]
async fn equal_answers_pass_and_what_the_primary_varies_by_itself_does_not_count() {
    let report = compared(BODY, BODY, 5).await;
    assert_eq!(report.verdict(5), Verdict::Pass, "{report:?}");
    let other_time = r#"{"at":"one","price":1}"#;
    let report = compared(other_time, other_time, 5).await;
    assert_eq!(report.verdict(5), Verdict::Pass, "{report:?}");
}

#[actix_web::test]
async fn a_wrong_answer_is_found_and_named() {
    let report = compared(r#"{"price":2,"at":"one"}"#, r#"{"price":1,"at":"two"}"#, 5).await;
    let places: Vec<_> = report.mismatches().map(|(place, _)| place.to_owned()).collect();
    assert_eq!(places, ["$.price"]);
}

#[actix_web::test]
async fn an_unreachable_candidate_is_an_alarm() {
    let upstream = Upstream::listen().await;
    let router = shadowing(settings(), &upstream, 100);
    drop(upstream);
    let nobody = Primary { url: "http://127.0.0.1:1".parse().unwrap(), headers: Vec::new() };
    router.shadow(sample("GET", BODY).unwrap());
    within("the alarm", async {
        tokio::select! {
            () = router.watch_shadows(nobody) => {}
            () = async {
                while router.shadow_report(MODULE).unreachable == 0 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            } => {}
        }
    })
    .await;
    assert!(matches!(router.shadow_report(MODULE).verdict(1), Verdict::Fail(_)));
}

#[actix_web::test]
async fn what_does_not_fit_the_queue_is_dropped_and_counted_at_once() {
    let upstream = Upstream::listen().await;
    let mut settings = settings();
    (settings.shadow.queue, settings.shadow.body) = (2, 30);
    let router = shadowing(settings, &upstream, 100);
    for _ in 0..5 {
        router.shadow(sample("GET", BODY).unwrap());
    }
    router.shadow(sample("GET", "{\"a body\": \"that is longer than thirty bytes\"}").unwrap());
    let report = router.shadow_report(MODULE);
    assert_eq!((report.dropped, report.skipped), (3, 1));
}

#[actix_web::test]
async fn only_reads_are_copied_and_as_many_as_the_table_says() {
    for effect in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        assert!(sample(effect, BODY).is_none(), "{effect}");
    }
    let upstream = Upstream::listen().await;
    for percent in [0, 7, 100] {
        let router = shadowing(settings(), &upstream, percent);
        let copied = (0..1000).filter(|_| router.is_shadowed(MODULE)).count();
        assert_eq!(copied, usize::from(percent) * 10);
    }
}

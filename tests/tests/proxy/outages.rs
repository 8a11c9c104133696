//! A foreign application that dies and comes back.

use std::time::{Duration, Instant};

use system_tests::client::Client;
use system_tests::wait::until;

use crate::kit::{Home, PREFIX, prefix};
use crate::legacy::Legacy;

/// More than home waits between two looks at an application that was dead, several times over.
const SOON: Duration = Duration::from_secs(30);

async fn the_shop_is_well(client: &Client) {
    client.get("/api/v1/products?limit=1").send().await.expect(200);
    client.get("/readyz").send().await.expect(200);
}

async fn dies_and_comes_back(settings: &str) {
    let mut legacy = Legacy::start();
    let home = Home::with(&format!("{}{settings}", prefix(PREFIX, legacy.address)));
    let client = home.client();
    let before = client.get("/legacy/x").send().await.expect(200).body["process"].clone();

    legacy.kill();
    // More than it takes until the breaker no longer lets requests out.
    for _ in 0..12 {
        let began = Instant::now();
        let dead = client.get("/legacy/x").header("x-request-id", "mine-2").send().await;
        // A connection that was open when it died may be the first to tell.
        let expected =
            if dead.status == 502 { (502, "UPSTREAM_FAILED") } else { (503, "MODULE_UNAVAILABLE") };
        assert_eq!((dead.status, dead.error_code()), expected, "{dead}");
        assert_eq!(dead.body["error"]["request_id"], "mine-2");
        assert!(dead.status == 502 || dead.header("retry-after").is_some(), "{dead}");
        assert!(began.elapsed() < Duration::from_secs(3), "it is told at once");
        the_shop_is_well(&client).await;
    }
    let dead = client.get("/legacy/x").header("accept", "application/problem+json").send().await.expect(503);
    assert_eq!(dead.header("content-type"), Some("application/problem+json"));

    legacy.start_again();
    let after = until(SOON, "the application to be used again", async || {
        let answer = client.get("/legacy/x").send().await;
        (answer.status == 200).then(|| answer.body["process"].clone())
    });
    assert_ne!(after.await, before, "it is the new process that answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_is_told_with_retry_after_and_used_again_when_it_is_back() {
    dies_and_comes_back("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_asked_how_it_is_comes_back_as_well() {
    dies_and_comes_back("health = \"/up\"\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_while_it_executes_is_told_as_perhaps_executed() {
    let mut legacy = Legacy::start();
    let home = Home::with(&prefix(PREFIX, legacy.address));
    let client = home.client();
    let hanging = tokio::spawn(client.post("/legacy/hang").raw("text/plain", "x").send());
    tokio::task::block_in_place(|| legacy.wait_until_it_hangs());
    the_shop_is_well(&client).await;
    legacy.kill();
    let told = hanging.await.expect("an answer").expect(502);
    assert_eq!(told.error_code(), "UPSTREAM_FAILED");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_answer_is_given_up_at_the_deadline() {
    let legacy = Legacy::start();
    let home = Home::with(&format!("{}[server]\nrequest_seconds = 2\n", prefix(PREFIX, legacy.address)));
    let began = Instant::now();
    let told = home.client().get("/legacy/hang").send().await.expect(504);
    assert_eq!(told.error_code(), "MODULE_TIMEOUT");
    assert!(began.elapsed() < Duration::from_secs(5), "after {:?}", began.elapsed());
    the_shop_is_well(&home.client()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_upstreams_the_living_one_answers() {
    let (mut first, second) = (Legacy::start(), Legacy::start());
    let both = format!("upstream = [\"http://{}\", \"http://{}\"]\n", first.address, second.address);
    let home = Home::with(&format!("[[router.prefixes]]\npath = \"{PREFIX}\"\n{both}"));
    let client = home.client();
    first.kill();
    for _ in 0..20 {
        client.get("/legacy/x").send().await.expect(200);
    }
}

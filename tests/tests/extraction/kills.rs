//! kill -9 at each step of an extract and of an absorb, of home, of the node, of both, while customers are in the shop: what was
//! acknowledged stays, what was not happens once when it is sent again, and the module ends at one place.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use system_tests::operator::Desk as Operator;
use system_tests::server::ServerOptions;
use system_tests::shop::Shop;
use system_tests::wait::until;

use crate::books;
use crate::customers::Customers;
use crate::desk::Manner;
use crate::peel::tell;

const CUSTOMERS: usize = 4;
/// Least time at each weight: time enough to see the step and to kill in it.
const HOLD_MS: u64 = 250;
/// Longest that anything may take to come to rest.
const REST: Duration = Duration::from_secs(90);
/// Names the whole matrix for each module. Without it the modules share the matrix: each case is run with one of them.
const WHOLE: &str = "BANYAN_TEST_WHOLE_MATRIX";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Home,
    Node,
    Both,
}

/// How far the operation has come when processes are killed. A step that is over sooner than it is seen counts as passed, and
/// the kill comes just after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Preparing,
    Shifting(u64),
    Settling,
    Done,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    order: &'static str,
    step: Step,
    victim: Victim,
}

/// Every step of both ways, with every victim.
fn matrix() -> Vec<Case> {
    let shifting = (0..3).map(Step::Shifting);
    let steps = || [Step::Preparing].into_iter().chain(shifting.clone()).chain([Step::Settling, Step::Done]);
    let victims = [Victim::Home, Victim::Node, Victim::Both];
    let of = |order| {
        steps().flat_map(move |step| victims.into_iter().map(move |victim| Case { order, step, victim }))
    };
    of("extract").chain(of("absorb")).collect()
}

/// The cases to run with a module.
fn cases(module: &str) -> Vec<Case> {
    let whole = std::env::var(WHOLE).is_ok_and(|whole| whole == "1");
    let offset = ["user", "product", "order"].iter().position(|known| *known == module).expect("a module");
    // Shifted by one at each step, so that no module gets all the cases of one victim.
    let is_mine = |number: usize| whole || (number + number / 3) % 3 == offset;
    matrix().into_iter().enumerate().filter(|(number, _)| is_mine(*number)).map(|(_, case)| case).collect()
}

async fn survives_kills(module: &'static str) {
    let options = ServerOptions::default()
        // A dead process's leases run out quickly.
        .setting("BANYAN__ORDER__LEASE_SECONDS", "2")
        .setting("BANYAN__ORDER__RETRY_MILLISECONDS", "20");
    let mut shop = Shop::open_with(options);
    let (began, cases) = (Instant::now(), cases(module));
    let customers = Customers::let_in(&shop, CUSTOMERS, Manner::Patient).await;
    for case in &cases {
        let at = Instant::now();
        let seen = survive(&mut shop, module, *case).await;
        let before = customers.visits();
        until(REST, &format!("customers to go on after {case:?}"), async || {
            (customers.visits() >= before + 2).then_some(())
        })
        .await;
        tell(&format!("{module}: {case:?}: killed at {seen}, {:?}", at.elapsed()));
    }
    let told = customers.leave().await;
    tell(&format!(
        "{module}: {} kills in {:?}, {} visits, {} requests, {} repeated, {} wrong, slowest {} ms, {} orders",
        cases.len(),
        began.elapsed(),
        told.visits,
        told.tally.requests(),
        told.tally.repeated(),
        told.tally.complaints().0,
        told.tally.longest_ms(),
        told.deeds.len(),
    ));
    books::close(&shop, &told).await;
}

/// Brings the module to where the case begins, gives the order, kills at the step, starts again what somebody would, and waits until
/// everything is at rest. Gives the phase that was seen last.
async fn survive(shop: &mut Shop, module: &str, case: Case) -> Value {
    let operator = Operator::of(&shop.server);
    let (begins, weights) = match case.order {
        "extract" => ("home", json!([10, 50, 100])),
        _ => ("node", json!([50, 10, 0])),
    };
    bring(&operator, module, begins).await;
    ask(&operator, case.order, module, &weights, HOLD_MS).await;
    let mut seen = Value::Null;
    until(REST, &format!("{case:?}"), async || {
        let now = operator.try_status(module).await?;
        seen = now["operation"]["phase"].clone();
        (step(&seen) >= Some(case.step)).then_some(())
    })
    .await;
    if case.victim != Victim::Node {
        shop.server.kill();
    }
    if case.victim != Victim::Home {
        shop.server.kill_nodes();
    }
    if case.victim != Victim::Node {
        let address = shop.server.address().to_owned();
        shop.reopen(shop.server.options().listen(&address));
    }
    rests(shop, &operator, module, case).await;
    seen
}

/// The step that a phase is; `None` for one that is on the way back.
fn step(phase: &Value) -> Option<Step> {
    match phase.as_str() {
        Some("preparing") => Some(Step::Preparing),
        Some("settling") => Some(Step::Settling),
        Some(_) => Some(Step::Done),
        None => phase["shifting"].as_u64().map(Step::Shifting),
    }
}

/// Gives an order until it is taken: whatever was before may just be ending.
async fn ask(operator: &Operator, order: &str, module: &str, weights: &Value, hold_ms: u64) {
    let body = json!({"module": module, "weights": weights, "hold_ms": hold_ms});
    let path = format!("/_admin/{order}");
    until(REST, "the order to be taken", async || {
        let answer = operator.post(&path).json(&body).try_send().await.ok()?;
        (answer.status == 202).then_some(())
    })
    .await;
}

/// Brings the module to a place without haste.
async fn bring(operator: &Operator, module: &str, place: &str) {
    let runs = |now: &Value| now["operation"].is_object() && now["operation"]["ended_at"].is_null();
    // An extract may be undone, because the node was just being started again; then once more.
    until(REST, &format!("{module} to be at its {place}"), async || {
        let now = operator.try_status(module).await?;
        if runs(&now) {
            return None;
        }
        if now["placement"] == place {
            return Some(());
        }
        let (order, weights) =
            if place == "node" { ("extract", json!([100])) } else { ("absorb", json!([0])) };
        ask(operator, order, module, &weights, 0).await;
        None
    })
    .await;
}

/// Waits until one operation has ended, the module is at one place, and as many processes run as should.
async fn rests(shop: &Shop, operator: &Operator, module: &str, case: Case) {
    let mut last = Value::Null;
    let resting = until(REST, "rest", async || {
        let now = operator.try_status(module).await?;
        let nodes = shop.server.nodes().len();
        last = json!({"status": now, "nodes": nodes});
        let ended = !now["operation"]["ended_at"].is_null();
        let processes = match now["placement"].as_str() {
            Some("home") => 0,
            Some("node") => 1,
            _ => return None,
        };
        (ended && nodes == processes).then_some(())
    });
    let resting = tokio::time::timeout(REST - Duration::from_secs(1), resting).await;
    assert!(resting.is_ok(), "{module}, {case:?}: no rest: {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_while_the_user_module_moves_lose_nothing() {
    survives_kills("user").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_while_the_product_module_moves_lose_nothing() {
    survives_kills("product").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_while_the_order_module_moves_lose_nothing() {
    survives_kills("order").await;
}

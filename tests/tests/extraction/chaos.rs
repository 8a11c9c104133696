//! kill -9 at every boundary of a handover's journal and after every effect on the stores, of home, of home and node together, of the
//! node while home goes on, once and twice in a row, while customers are in the shop: what was acknowledged stays, what was not happens once when it is sent
//! again, and the module ends at one place, with nothing left over.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use system_tests::operator::Desk as Operator;
use system_tests::server::ServerOptions;
use system_tests::shop::Shop;
use system_tests::wait::until;

use crate::books;
use crate::customers::Customers;
use crate::desk::Manner;
use crate::moving::{bring_back, complete, elsewhere, leaves_nothing, take_out};
use crate::peel::tell;

const CUSTOMERS: usize = 4;
/// Longest that anything may take to come to rest.
const REST: Duration = Duration::from_secs(90);
/// Names the long form: each module gets the whole matrix. Without it the modules share it.
const WHOLE: &str = "BANYAN_TEST_WHOLE_MATRIX";

/// Where home halts, to be killed there: before and after each line of the journal, and after each effect on a store.
const FORWARD: [&str; 17] = [
    "prepared",
    "copying",
    "catching_up",
    "verified",
    "before.sealing",
    "sealing",
    "effect.left",
    "effect.sealed",
    "effect.drained",
    "before.drained",
    "drained",
    "before.committed",
    "committed",
    "effect.activated",
    "before.activated",
    "activated",
    "routed",
];
/// The same where the watch ends.
const ENDING: [&str; 4] = ["watched", "completing", "effect.retired", "complete"];
/// The same on the way back, which a rehearsal goes.
const BACKWARD: [&str; 5] = ["before.reopening", "reopening", "effect.reopened", "aborting", "aborted"];
/// A second kill, while the next process makes good what the first one left.
const TWICE: [(&str, &str); 8] = [
    ("copying", "catching_up"),
    ("sealing", "before.reopening"),
    ("effect.sealed", "reopening"),
    ("drained", "effect.reopened"),
    ("before.committed", "aborting"),
    ("committed", "effect.activated"),
    ("committed", "activated"),
    ("effect.activated", "routed"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Out, with a copy.
    Out,
    /// Back, to the store that follows.
    Back,
    /// Out, and not to stay.
    Rehearsal,
    /// Out, and then the watch is ended.
    Ending,
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Killed {
    Home,
    Both,
    /// The node alone, several times, while home carries the handover out.
    Node,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    way: Way,
    first: &'static str,
    second: Option<&'static str>,
    killed: Killed,
}

fn matrix() -> Vec<Case> {
    let once = |way: Way, first: &'static str| {
        [Killed::Home, Killed::Both].map(|killed| Case { way, first, second: None, killed })
    };
    // A node's log says nothing of the handover: it is killed when home has reached a state.
    let node = |way: Way, first: &'static str| Case { way, first, second: None, killed: Killed::Node };
    let states = ["copying", "catching_up", "verified", "sealing", "drained", "committed", "activated"];
    let out = FORWARD.iter().flat_map(|point| once(Way::Out, point));
    let back = FORWARD.iter().filter(|point| **point != "copying").flat_map(|point| once(Way::Back, point));
    let rehearsal = BACKWARD.iter().flat_map(|point| once(Way::Rehearsal, point));
    let ending = ENDING.iter().flat_map(|point| once(Way::Ending, point));
    let nodes = states.iter().flat_map(|state| [node(Way::Out, state), node(Way::Back, state)]);
    let twice = TWICE.iter().map(|(first, second)| Case {
        way: Way::Out,
        first,
        second: Some(second),
        killed: Killed::Home,
    });
    out.chain(back).chain(rehearsal).chain(ending).chain(nodes).chain(twice).collect()
}

fn cases(module: &str) -> Vec<Case> {
    let whole = std::env::var(WHOLE).is_ok_and(|whole| whole == "1");
    let offset = ["user", "product", "order"].iter().position(|known| *known == module).expect("a module");
    let is_mine = |number: usize| whole || number % 3 == offset;
    matrix().into_iter().enumerate().filter(|(number, _)| is_mine(*number)).map(|(_, case)| case).collect()
}

async fn survives_chaos(module: &'static str) {
    let options = ServerOptions::default()
        .setting("BANYAN__ORDER__LEASE_SECONDS", "2")
        .setting("BANYAN__ORDER__RETRY_MILLISECONDS", "20");
    let mut shop = Shop::open_with(options);
    let (began, cases) = (Instant::now(), cases(module));
    let customers = Customers::let_in(&shop, CUSTOMERS, Manner::Patient).await;
    for case in &cases {
        let at = Instant::now();
        survive(&mut shop, module, *case).await;
        let before = customers.visits();
        until(REST, &format!("customers to go on after {case:?}"), async || {
            (customers.visits() >= before + 2).then_some(())
        })
        .await;
        tell(&format!("{module}: {case:?}: {:?}", at.elapsed()));
    }
    bring_home(&shop, module).await;
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
    leaves_nothing(&shop, module);
}

/// Brings the module to where the case begins, starts a home that halts at the point, gives the order, kills, starts it again, and
/// waits until the module is where it must be.
async fn survive(shop: &mut Shop, module: &str, case: Case) {
    match case.way {
        Way::Out | Way::Rehearsal | Way::Ending => bring_home(shop, module).await,
        Way::Back => bring_out(shop, module).await,
    }
    restart(shop, Some(case.first).filter(|_| case.killed != Killed::Node));
    let operator = Operator::of(&shop.server);
    let store = elsewhere(shop, module);
    let (path, body) = match case.way {
        Way::Back => {
            ("/_admin/absorb", json!({"module": module, "weights": [0], "hold_ms": 0, "max_pause_ms": 5000}))
        }
        way => (
            "/_admin/extract",
            json!({"module": module, "weights": [100], "hold_ms": 0, "store": store, "max_pause_ms": 5000,
                "rehearse": way == Way::Rehearsal}),
        ),
    };
    until(REST, &format!("the order to be taken, {case:?}"), async || {
        let answer = operator.post(path).json(&body).try_send().await.ok()?;
        (answer.status == 202).then_some(())
    })
    .await;
    if case.killed == Killed::Node {
        kill_nodes_meanwhile(shop, &operator, module, case.first).await;
    } else {
        // Whoever orders that waits for an answer that never comes.
        let ending = (case.way == Way::Ending && case.first != "watched")
            .then(|| tokio::spawn(end_the_watch(operator.clone(), module.to_owned())));
        tokio::task::block_in_place(|| kill_at(shop, case.first, case.killed == Killed::Both));
        if let Some(ending) = ending {
            ending.abort();
        }
    }
    if let Some(second) = case.second {
        restart(shop, Some(second));
        kill_at(shop, second, false);
    }
    if case.killed != Killed::Node {
        restart(shop, None);
    }
    let at = ends_at(&case);
    let mut last = Value::Null;
    let rest = until(REST, "rest", async || {
        let now = operator.try_status(module).await?;
        last = now.clone();
        let state = now["handover"]["state"].as_str();
        let resting = matches!(state, None | Some("watched" | "standby"));
        let there = at.is_none_or(|at| now["placement"] == at);
        (resting && there && shop.server.nodes().is_empty() != needs_node(&now)).then_some(())
    });
    let rest = tokio::time::timeout(REST - Duration::from_secs(1), rest).await;
    assert!(rest.is_ok(), "{module}, {case:?}: not at its {at:?}: {last}");
}

/// Kills the node whenever home says that it has reached the state, or is beyond it: three times, or until all is over.
async fn kill_nodes_meanwhile(shop: &Shop, operator: &Operator, module: &str, state: &str) {
    const STATES: [&str; 11] = [
        "begun",
        "prepared",
        "copying",
        "catching_up",
        "verified",
        "sealing",
        "drained",
        "committed",
        "activated",
        "routed",
        "watched",
    ];
    let number = |state: &str| STATES.iter().position(|known| *known == state);
    let mut kills = 0;
    until(REST, &format!("the node to be killed at {state}"), async || {
        let now = operator.try_status(module).await?;
        let at = now["handover"]["state"].as_str();
        if at.is_some_and(|at| number(at) >= number(state)) && !shop.server.spawned().is_empty() {
            shop.server.kill_spawned();
            kills += 1;
        }
        // It may have been over before it was seen.
        let over = at.is_none_or(|at| ["watched", "standby"].contains(&at));
        (kills >= 3 || over).then_some(())
    })
    .await;
}

/// Ends the watch as soon as that is allowed. Runs until it is aborted.
async fn end_the_watch(operator: Operator, module: String) {
    let body = json!({"module": module});
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    loop {
        tick.tick().await;
        let answer = operator.post("/_admin/complete").json(&body).try_send().await;
        if answer.is_ok_and(|answer| answer.status == 202) {
            return;
        }
    }
}

/// Where the module must end: what was not committed goes back, what was does not.
fn ends_at(case: &Case) -> Option<&'static str> {
    if case.killed == Killed::Node {
        // At either place, as it happened: what counts is that it is one, and nothing is lost.
        return None;
    }
    let committed = FORWARD.iter().position(|point| *point == "committed").expect("a point");
    let over = FORWARD.iter().position(|point| *point == case.first).is_some_and(|point| point >= committed);
    // Before the switch began the next process just goes on.
    let goes_on = ["prepared", "copying", "catching_up", "verified", "before.sealing"].contains(&case.first);
    Some(match case.way {
        Way::Rehearsal => "home",
        Way::Ending => "node",
        Way::Out if over || goes_on => "node",
        Way::Out => "home",
        Way::Back if over || goes_on => "home",
        Way::Back => "node",
    })
}

/// Whether a node belongs to what the status says.
fn needs_node(status: &Value) -> bool {
    status["placement"] == "node" || status["handover"].is_object()
}

#[track_caller]
fn kill_at(shop: &mut Shop, point: &str, node_too: bool) {
    shop.server.wait_for_log(&format!("halted at {point}"), REST);
    shop.server.kill();
    if node_too {
        shop.server.kill_nodes();
    }
}

/// Starts home again at the same address, to halt at `point` if there is one.
fn restart(shop: &mut Shop, point: Option<&str>) {
    let address = shop.server.address().to_owned();
    shop.server.kill();
    let options = shop.server.options().listen(&address);
    shop.reopen(options.setting("BANYAN__TESTING__HALT_AT", point.unwrap_or_default()));
}

/// The module at home, and no handover.
async fn bring_home(shop: &Shop, module: &str) {
    let operator = Operator::of(&shop.server);
    until(REST, &format!("{module} to be at home"), async || {
        let now = operator.try_status(module).await?;
        let state = now["handover"]["state"].as_str();
        match (now["placement"].as_str(), state) {
            (Some("home"), None) => return Some(()),
            (Some("home"), Some("watched" | "standby")) => complete(shop, module),
            (Some("node"), None | Some("watched" | "standby")) => bring_back(shop, module),
            _ => {}
        }
        None
    })
    .await;
}

/// The module out, and the store of home following.
async fn bring_out(shop: &Shop, module: &str) {
    let operator = Operator::of(&shop.server);
    until(REST, &format!("{module} to be out"), async || {
        let now = operator.try_status(module).await?;
        match (now["placement"].as_str(), now["handover"]["state"].as_str()) {
            (Some("node"), Some("watched" | "standby")) => return Some(()),
            (Some("home"), Some("watched" | "standby") | None) => drop(take_out(shop, module)),
            // Nothing follows any more: it goes home with a copy first.
            (Some("node"), None) => bring_back(shop, module),
            _ => {}
        }
        None
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chaos_while_the_user_module_moves_with_its_data_loses_nothing() {
    survives_chaos("user").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chaos_while_the_product_module_moves_with_its_data_loses_nothing() {
    survives_chaos("product").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chaos_while_the_order_module_moves_with_its_data_loses_nothing() {
    survives_chaos("order").await;
}

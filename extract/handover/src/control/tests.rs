use kernel::Timestamp;

use super::*;
use crate::machine::{Handover, State};
use crate::peel::{Kind, Plan, Routing};

fn open(directory: &tempfile::TempDir) -> Control {
    let url = format!("sqlite:{}", directory.path().join("control.db").display());
    Control::open(&StoreSettings::new(url.parse().unwrap())).unwrap()
}

fn audit(action: &'static str) -> Audit {
    Audit { actor: "a test".into(), action, module: Some("order".into()), details: String::new() }
}

fn extract() -> Operation {
    let now = Timestamp::now();
    Operation {
        id: OperationId::new(),
        module: "order".to_owned(),
        kind: Kind::Extract,
        plan: Plan { weights: vec![10, 100], hold_ms: 1, shadow_ms: 0, patience_ms: 1 },
        phase: Phase::Preparing,
        nodes: vec![NodeId::new(), NodeId::new()],
        reason: None,
        cancelled: false,
        began_at: now,
        phase_at: now,
        ended_at: None,
    }
}

#[tokio::test]
async fn what_was_decided_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let control = open(&directory);
    assert_eq!(control.placements().await.unwrap(), Placements::default());
    let mut operation = extract();
    control.begin(operation.clone(), audit("extract")).await.unwrap();
    operation.phase = Phase::Shifting(0);
    assert_eq!(control.advance(operation.clone(), Phase::Preparing, audit("advance")).await.unwrap(), 1);
    control.close();

    let control = open(&directory);
    let placements = control.placements().await.unwrap();
    let placed = &placements.modules["order"];
    assert_eq!((placements.generation, placed.weight, &placed.nodes), (1, 10, &operation.nodes));
    assert_eq!(control.running().await.unwrap(), [operation]);
    assert_eq!(control.audit_log(10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn one_operation_runs_on_a_module_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let control = open(&directory);
    let mut first = extract();
    control.begin(first.clone(), audit("extract")).await.unwrap();
    let second = control.begin(extract(), audit("extract")).await;
    assert!(matches!(second, Err(ControlError::Running { running, .. }) if running == first.id));
    first.phase = Phase::Undone;
    first.ended_at = Some(Timestamp::now());
    control.advance(first.clone(), Phase::Preparing, audit("advance")).await.unwrap();
    assert_eq!(control.placements().await.unwrap().modules["order"].nodes, []);
    assert!(control.begin(extract(), audit("extract")).await.is_ok());
    assert_eq!(control.latest().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_driver_that_was_overtaken_decides_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let control = open(&directory);
    let operation = extract();
    control.begin(operation.clone(), audit("extract")).await.unwrap();
    let late = Operation { phase: Phase::Done, ..operation };
    let stale = control.advance(late, Phase::Shifting(1), audit("advance")).await;
    assert!(matches!(stale, Err(ControlError::Stale)));
    assert_eq!(control.placements().await.unwrap().generation, 0);
}

#[tokio::test]
async fn a_node_with_a_module_on_it_is_not_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let control = open(&directory);
    let mut operation = extract();
    let node = Node {
        id: operation.nodes[1],
        url: "http://127.0.0.1:1".into(),
        modules: [("order".to_owned(), 1)].into(),
        version: "1".into(),
        spawned: true,
        registered_at: Timestamp::from_micros(5),
    };
    control.register(node.clone()).await.unwrap();
    assert_eq!(control.nodes().await.unwrap(), std::slice::from_ref(&node));
    control.begin(operation.clone(), audit("extract")).await.unwrap();
    operation.phase = Phase::Settling;
    assert_eq!(operation.routing(), Routing::NODE);
    control.advance(operation.clone(), Phase::Preparing, audit("advance")).await.unwrap();
    assert!(!control.forget(node.id).await.unwrap());
    operation.phase = Phase::Undoing;
    control.advance(operation, Phase::Settling, audit("advance")).await.unwrap();
    assert!(control.forget(node.id).await.unwrap());
}

#[tokio::test]
async fn a_handover_that_was_asked_to_go_back_is_not_committed_by_a_driver_that_has_not_heard() {
    let directory = tempfile::tempdir().unwrap();
    let control = open(&directory);
    let handover = crate::machine::tests::handover(State::Begun, crate::machine::Base::Copy);
    control.begin_handover(handover.clone(), audit("extract")).await.unwrap();
    let enter = |to: State| Handover { state: to, ..handover.clone() };
    control.enter(enter(State::Sealing), State::Begun, String::new(), audit("handover")).await.unwrap();
    control.cancel_handover(handover.id, audit("rollback")).await.unwrap();
    let late = control.enter(enter(State::Committed), State::Sealing, String::new(), audit("handover")).await;
    assert!(matches!(late, Err(ControlError::Stale)), "{late:?}");
    let heard = Handover { cancelled: true, ..enter(State::Reopening) };
    control.enter(heard.clone(), State::Sealing, String::new(), audit("handover")).await.unwrap();
    // And nobody is told that it goes back when it does not.
    let ended = Handover { state: State::Aborting, ..heard };
    control.enter(ended, State::Reopening, String::new(), audit("handover")).await.unwrap();
    let too_late = control.cancel_handover(handover.id, audit("rollback")).await;
    assert!(matches!(too_late, Err(ControlError::Stale)), "{too_late:?}");
}

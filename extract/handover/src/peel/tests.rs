use proptest::prelude::*;

use super::*;

fn operation(kind: Kind, phase: Phase) -> Operation {
    let weights = match kind {
        Kind::Extract => vec![1, 10, 50, 100],
        Kind::Absorb => vec![50, 10, 0],
    };
    let now = Timestamp::from_micros(0);
    Operation {
        id: OperationId::new(),
        module: "order".to_owned(),
        kind,
        plan: Plan { weights, hold_ms: 1000, shadow_ms: 500, patience_ms: 10_000 },
        phase,
        nodes: Vec::new(),
        reason: None,
        cancelled: false,
        began_at: now,
        phase_at: now,
        ended_at: None,
    }
}

fn good(lasted: Duration) -> Seen {
    Seen { lasted, ready: true, settled: true, verdict: Verdict::Pass }
}

fn step(operation: &mut Operation, seen: &Seen) {
    match operation.next(seen) {
        Move::Stay => {}
        Move::To(phase) => operation.phase = phase,
        Move::Undo(reason) => {
            operation.phase = Phase::Undoing;
            operation.reason = Some(reason);
        }
    }
}

#[test]
fn an_extract_takes_every_weight_in_turn_and_ends_at_the_node() {
    let mut operation = operation(Kind::Extract, Phase::Preparing);
    let mut weights = Vec::new();
    while !operation.is_over() {
        step(&mut operation, &good(Duration::from_secs(1)));
        weights.push(operation.routing().weight);
    }
    weights.dedup();
    assert_eq!((operation.phase, weights), (Phase::Done, vec![0, 1, 10, 50, 100]));
    assert_eq!(operation.routing(), Routing::NODE);
}

#[test]
fn an_absorb_takes_them_back_and_ends_at_home() {
    let mut operation = operation(Kind::Absorb, Phase::Preparing);
    while !operation.is_over() {
        step(&mut operation, &good(Duration::from_secs(1)));
    }
    assert_eq!((operation.phase, operation.routing()), (Phase::Done, Routing::HOME));
}

#[test]
fn a_candidate_out_of_bounds_sends_all_traffic_back_with_the_reason() {
    let mut operation = operation(Kind::Extract, Phase::Shifting(2));
    step(&mut operation, &Seen { verdict: Verdict::Fail("5 % errors".into()), ..good(Duration::ZERO) });
    assert_eq!(operation.routing().weight, 0);
    assert_eq!(operation.reason.as_deref(), Some("5 % errors"));
}

#[test]
fn a_comparison_that_never_came_about_is_no_pass() {
    let mut operation = operation(Kind::Extract, Phase::Shadowing);
    let waiting = |lasted| Seen { verdict: Verdict::Wait, ..good(Duration::from_millis(lasted)) };
    step(&mut operation, &waiting(1499));
    assert_eq!((operation.phase, operation.routing().weight), (Phase::Shadowing, 0));
    step(&mut operation, &waiting(1500));
    assert_eq!(operation.phase, Phase::Undoing);
}

#[test]
fn a_candidate_that_stops_answering_sends_all_traffic_back() {
    let mut operation = operation(Kind::Extract, Phase::Shifting(0));
    step(&mut operation, &Seen { ready: false, ..good(Duration::ZERO) });
    assert_eq!(operation.phase, Phase::Undoing);
}

#[test]
fn weights_that_do_not_lead_there_are_refused() {
    let plan = |weights: &[u8]| Plan { weights: weights.to_vec(), hold_ms: 0, shadow_ms: 0, patience_ms: 0 };
    for weights in [&[][..], &[10], &[50, 10, 100], &[0, 100], &[100, 100], &[101]] {
        assert_eq!(plan(weights).checked(Kind::Extract), Err(InvalidPlan::Rising), "{weights:?}");
    }
    for weights in [&[][..], &[10], &[10, 50, 0], &[100, 0]] {
        assert_eq!(plan(weights).checked(Kind::Absorb), Err(InvalidPlan::Falling), "{weights:?}");
    }
    assert!(plan(&[100]).checked(Kind::Extract).is_ok() && plan(&[0]).checked(Kind::Absorb).is_ok());
}

fn anything_seen() -> impl Strategy<Value = (Seen, bool)> {
    let verdict = prop_oneof![
        6 => Just(Verdict::Pass),
        2 => Just(Verdict::Wait),
        1 => Just(Verdict::Fail("worse".to_owned())),
    ];
    let seen = (0_u64..40_000, prop::bool::weighted(0.9), any::<bool>(), verdict);
    let seen = seen.prop_map(|(lasted, ready, settled, verdict)| Seen {
        lasted: Duration::from_millis(lasted),
        ready,
        settled,
        verdict,
    });
    (seen, prop::bool::weighted(0.05))
}

proptest! {
    #[test]
    fn whatever_is_seen_it_ends_wholly_at_one_place_and_never_goes_on_after_that(
        absorb: bool, world in prop::collection::vec(anything_seen(), 60),
    ) {
        let kind = if absorb { Kind::Absorb } else { Kind::Extract };
        let mut operation = operation(kind, Phase::Preparing);
        for (seen, cancel) in &world {
            operation.cancelled |= *cancel;
            let (before, phase) = (operation.routing(), operation.phase);
            step(&mut operation, seen);
            let after = operation.routing();
            // Traffic moves in one direction until it is undone, and callers and workers follow the last of it.
            let undone = matches!(operation.phase, Phase::Undoing | Phase::Undone);
            let onwards = if absorb { after.weight <= before.weight } else { after.weight >= before.weight };
            prop_assert!(undone || onwards, "{phase:?} to {:?}", operation.phase);
            prop_assert!(!after.workers_remote || after.weight == 100);
            prop_assert!(!matches!(phase, Phase::Done | Phase::Undone) || operation.phase == phase);
            prop_assert!(!undone || operation.reason.is_some());
        }
        let long = good(Duration::from_secs(3600));
        for _ in 0..10 {
            step(&mut operation, &long);
        }
        prop_assert!(operation.is_over());
        prop_assert!([Routing::HOME, Routing::NODE].contains(&operation.routing()));
    }
}

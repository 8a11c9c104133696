//! What follows, over every combination of what can be written down and found.

use super::*;

const COPY: Base = Base::Copy;

/// Everything that a store can look like to a handover in epoch 1.
fn sights_of_a_store(mine: OperationId) -> Vec<StoreSeen> {
    let mut seen = vec![StoreSeen::Absent, StoreSeen::Foreign, StoreSeen::Unreadable];
    for epoch in 1..=4 {
        for sealed in [false, true] {
            for operation in [None, Some(mine), Some(OperationId::new())] {
                for position in [None, Some(0), Some(7)] {
                    for applied in [None, Some(0), Some(7)] {
                        seen.push(StoreSeen::Owned(Ownership {
                            epoch,
                            sealed,
                            operation,
                            position,
                            applied,
                        }));
                    }
                }
            }
        }
    }
    seen
}

/// Every state, every look of both stores, and both kinds of driver.
fn everything(mut check: impl FnMut(&Handover, &Sight, Next)) {
    for base in [COPY, Base::Follow(OperationId::new())] {
        for state in State::ALL {
            let handover = handover(state, base);
            let stores = sights_of_a_store(handover.id);
            for source in &stores {
                for target in &stores {
                    for knows in [false, true] {
                        let sight = Sight {
                            holds: knows,
                            fit: knows,
                            close: knows,
                            verified: knows,
                            proved: knows,
                            ..fresh(*source, *target)
                        };
                        let next = handover.next(&sight);
                        check(&handover, &sight, next);
                    }
                }
            }
        }
    }
}

#[test]
fn the_target_is_opened_only_when_it_is_the_owner_and_the_source_only_when_it_is_not() {
    everything(|handover, sight, next| match next {
        Next::Do(Effect::Activate) => {
            assert_eq!(handover.state, State::Committed);
            let StoreSeen::Owned(row) = sight.target else { panic!("{sight:?}") };
            assert!(row.sealed && row.operation == Some(handover.id), "{row:?}");
        }
        Next::Do(Effect::Reopen) => assert_eq!(handover.state, State::Reopening),
        Next::Do(Effect::CleanUp) => assert_eq!(handover.state, State::Aborting),
        Next::Do(Effect::Retire) => assert_eq!(handover.state, State::Completing),
        _ => {}
    });
}

#[test]
fn nothing_is_committed_that_was_not_drained_and_nobody_commits_but_who_began_the_switch() {
    everything(|handover, sight, next| match next {
        Next::Enter(State::Committed) => assert!(handover.state == State::Drained && sight.holds),
        Next::Enter(State::Drained) => {
            let (StoreSeen::Owned(source), StoreSeen::Owned(target)) = (sight.source, sight.target) else {
                panic!("{sight:?}")
            };
            assert!(source.sealed && source.epoch == handover.epoch && target.applied >= source.position);
            assert!(sight.proved && sight.holds);
        }
        Next::Enter(State::Sealing) => assert!(sight.verified && sight.close && sight.ready),
        _ => {}
    });
}

#[test]
fn once_committed_it_never_goes_back_and_before_that_it_always_can() {
    everything(|handover, _, next| {
        if handover.state.is_committed() || handover.state.is_over() {
            assert!(!matches!(next, Next::Back(..)), "{:?}: {next:?}", handover.state);
        }
        let mut cancelled = handover.clone();
        cancelled.cancelled = true;
        let next = cancelled.next(&fresh(StoreSeen::Unreadable, StoreSeen::Unreadable));
        let before = !handover.state.is_committed()
            && !handover.state.is_over()
            && !matches!(handover.state, State::Reopening | State::Aborting | State::Standby);
        assert_eq!(matches!(next, Next::Back(..)), before, "{:?}: {next:?}", handover.state);
    });
}

#[test]
fn a_driver_that_finds_a_switch_half_done_goes_back_by_another_epoch() {
    for state in [State::Sealing, State::Drained] {
        let handover = handover(state, COPY);
        for source in sights_of_a_store(handover.id) {
            for target in sights_of_a_store(handover.id) {
                let next = handover.next(&fresh(source, target));
                assert!(matches!(next, Next::Back(State::Reopening, _)), "{next:?}");
            }
        }
    }
    assert_eq!(handover(State::Reopening, COPY).reopened_epoch(), 3);
}

#[test]
fn each_state_leads_only_where_the_protocol_allows() {
    everything(|handover, _, next| {
        let (Next::Enter(to) | Next::Back(to, _)) = next else { return };
        assert!(crate::receipt::may_follow(handover.state, to), "{:?} to {to:?}", handover.state);
    });
}

#[test]
fn what_rests_waits_for_an_order_and_what_is_over_does_nothing() {
    everything(|handover, _, next| {
        if handover.state.is_over() {
            assert_eq!(next, Next::Stay);
        }
        if handover.state == State::Watched {
            assert_eq!(next, Next::Do(Effect::Apply));
        }
        if handover.state == State::Standby {
            assert!(matches!(next, Next::Do(Effect::Apply | Effect::Prepare)), "{next:?}");
        }
    });
}

#[test]
fn a_target_that_is_not_ready_is_waited_for_since_this_driver_saw_it_and_not_since_it_began_to_be_filled() {
    let handover = handover(State::CatchingUp, COPY);
    let target =
        Ownership { epoch: 1, sealed: true, operation: Some(handover.id), position: None, applied: Some(3) };
    let source = Ownership { sealed: false, ..target };
    let long = Duration::from_secs(600);
    let late = Sight { ready: false, ..fresh(StoreSeen::Owned(source), StoreSeen::Owned(target)) };
    assert_eq!(handover.next(&Sight { lasted: long, ..late.clone() }), Next::Do(Effect::Apply));
    assert!(matches!(handover.next(&Sight { unready: long, ..late }), Next::Back(State::Aborting, _)));
}

#[test]
fn no_clock_opens_a_store() {
    let handover = handover(State::Drained, COPY);
    let row = Ownership {
        epoch: 1,
        sealed: true,
        operation: Some(handover.id),
        position: Some(3),
        applied: Some(3),
    };
    for lasted in [Duration::ZERO, Duration::from_secs(1 << 30)] {
        for state in [State::Committed, State::Reopening, State::Aborting, State::Completing] {
            let one = Handover { state, ..handover.clone() };
            let seen = StoreSeen::Owned(row);
            let at_once = one.next(&fresh(seen, seen));
            assert_eq!(one.next(&Sight { lasted, ..fresh(seen, seen) }), at_once, "{state:?}");
        }
    }
}

#[test]
fn a_comparison_that_has_expired_or_a_target_that_lags_or_is_not_ready_keeps_it_from_switching() {
    let handover = handover(State::Verified, COPY);
    let target =
        Ownership { epoch: 1, sealed: true, operation: Some(handover.id), position: None, applied: Some(3) };
    let good = Sight {
        ready: true,
        close: true,
        verified: true,
        ..fresh(StoreSeen::Owned(Ownership { sealed: false, ..target }), StoreSeen::Owned(target))
    };
    assert_eq!(handover.next(&good), Next::Enter(State::Sealing));
    assert_eq!(handover.next(&Sight { verified: false, ..good.clone() }), Next::Enter(State::CatchingUp));
    assert_eq!(handover.next(&Sight { ready: false, ..good.clone() }), Next::Enter(State::CatchingUp));
    assert_eq!(handover.next(&Sight { close: false, ..good }), Next::Do(Effect::Apply));
}

#[test]
fn nothing_is_committed_to_a_process_that_has_ended() {
    let seen = Sight { holds: true, ready: false, ..fresh(StoreSeen::Absent, StoreSeen::Absent) };
    for state in [State::Sealing, State::Drained] {
        let back = handover(state, COPY).next(&seen);
        assert!(matches!(back, Next::Back(State::Reopening, why) if why.contains("has ended")), "{state:?}");
    }
    // From the commit on it is waited for.
    assert!(!matches!(handover(State::Committed, COPY).next(&seen), Next::Back(..)));
}

#[test]
fn a_switch_that_takes_too_long_or_was_a_rehearsal_goes_back() {
    let mut handover = handover(State::Drained, COPY);
    let seen = fresh(StoreSeen::Absent, StoreSeen::Absent);
    let overdue = handover.next(&Sight { holds: true, overdue: true, ..seen.clone() });
    assert!(matches!(overdue, Next::Back(State::Reopening, why) if why.contains("1000 ms")));
    handover.plan.rehearse = true;
    let rehearsed = handover.next(&Sight { holds: true, ..seen });
    assert!(matches!(rehearsed, Next::Back(State::Reopening, why) if why == REHEARSED));
}

#[test]
fn a_target_that_fails_while_it_is_watched_closely_goes_back_and_later_does_not() {
    let handover = handover(State::Watched, COPY);
    let bad = Sight {
        verdict: Verdict::Fail("5 of 20 failed".into()),
        ..fresh(StoreSeen::Absent, StoreSeen::Absent)
    };
    assert!(matches!(handover.next(&bad), Next::Reverse(_)));
    let later = Sight { lasted: Duration::from_secs(2), ..bad };
    assert_eq!(handover.next(&later), Next::Do(Effect::Apply));
}

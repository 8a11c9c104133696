use bytes::Bytes;

use super::*;

const LONG: Duration = Duration::from_secs(10);

fn plenty() -> Arc<Budget> {
    Arc::new(Budget::new(0, 0, 1000))
}

fn retried(policy: &RetryPolicy, outcome: Result<Reply, TransportError>, idempotent: bool) -> bool {
    policy.after(&Try { outcome: &outcome, idempotent, number: 0 }, LONG).is_some()
}

fn not_connected() -> Result<Reply, TransportError> {
    Err(TransportError::NotConnected(String::new()))
}

fn lost() -> Result<Reply, TransportError> {
    Err(TransportError::Lost(String::new()))
}

#[tokio::test]
async fn by_default_nothing_is_tried_again() {
    assert!(!retried(&RetryPolicy::none(), not_connected(), true));
    assert!(!retried(&RetryPolicy::default(), lost(), true));
}

#[tokio::test]
async fn an_unknown_outcome_is_tried_again_only_if_the_method_is_idempotent() {
    let policy = RetryPolicy::idempotent(plenty()).and_connect_failures();
    let unavailable = |executed| Ok(Reply::Unavailable { executed });
    for outcome in
        [lost(), unavailable(Executed::Maybe), unavailable(Executed::No), Ok(Reply::Foreign { status: 502 })]
    {
        assert!(retried(&policy, outcome.clone(), true), "{outcome:?}");
        assert!(!retried(&policy, outcome.clone(), false), "{outcome:?}");
    }
}

#[tokio::test]
async fn what_was_never_sent_may_be_tried_again_whatever_the_method_if_the_policy_says_so() {
    let policy = RetryPolicy::idempotent(plenty());
    assert!(retried(&policy, not_connected(), true));
    assert!(!retried(&policy, not_connected(), false));
    assert!(retried(&policy.and_connect_failures(), not_connected(), false));
}

#[tokio::test]
async fn an_answer_is_never_asked_for_again() {
    let policy = RetryPolicy::idempotent(plenty()).and_connect_failures();
    for outcome in [
        Ok(Reply::Done(Bytes::new())),
        Ok(Reply::Refused(Bytes::new())),
        Ok(Reply::Misdirected { owner_epoch: 1 }),
        Ok(Reply::Malformed { reason: String::new() }),
        Ok(Reply::Incompatible { version: 2 }),
        Ok(Reply::NotAdmitted),
        Ok(Reply::Foreign { status: 404 }),
        Ok(Reply::TimedOut { executed: Executed::No }),
        Err(TransportError::NotSent(String::new())),
        Err(TransportError::TimedOut { executed: Executed::Maybe }),
    ] {
        assert!(!retried(&policy, outcome.clone(), true), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_call_is_tried_again_so_often_and_no_more() {
    let policy = RetryPolicy::idempotent(plenty()).at_most(3);
    let outcome = lost();
    let tries = (0..10).filter(|number| {
        policy.after(&Try { outcome: &outcome, idempotent: true, number: *number }, LONG).is_some()
    });
    assert_eq!(tries.count(), 3);
}

#[tokio::test]
async fn without_budget_or_time_nothing_is_tried_again() {
    assert!(!retried(&RetryPolicy::idempotent(Arc::new(Budget::new(0, 0, 0))), lost(), true));
    let policy = RetryPolicy::idempotent(plenty());
    let outcome = lost();
    assert_eq!(policy.after(&Try { outcome: &outcome, idempotent: true, number: 0 }, Duration::ZERO), None);
}

#[test]
fn pauses_grow_and_are_bounded() {
    for number in 0..40 {
        assert!(jittered(number) <= LONGEST_PAUSE);
    }
    assert!((0..100).all(|_| jittered(0) <= FIRST_PAUSE));
}

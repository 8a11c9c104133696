use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
/// With this the backoff is taken in full.
const NO_JITTER: u32 = 500;

fn fails(breaker: &mut Breaker, times: u32, now: Instant) {
    for _ in 0..times {
        breaker.record(Admitted::Normal, Outcome::Failure, now, NO_JITTER);
    }
}

#[test]
fn failures_in_a_row_open_it_and_a_success_between_does_not_let_them() {
    let now = Instant::now();
    let mut breaker = Breaker::new(Policy::default(), now);
    fails(&mut breaker, 4, now);
    breaker.record(Admitted::Normal, Outcome::Success, now, 0);
    fails(&mut breaker, 4, now);
    assert!(breaker.is_closed());
    fails(&mut breaker, 1, now);
    assert!(!breaker.is_closed());
    assert_eq!(breaker.admit(now), None);
}

#[test]
fn a_low_share_of_successes_opens_it_although_no_row_is_long() {
    let now = Instant::now();
    let mut breaker = Breaker::new(Policy::default(), now);
    for _ in 0..20 {
        fails(&mut breaker, 2, now);
        breaker.record(Admitted::Normal, Outcome::Success, now, 0);
    }
    assert!(!breaker.is_closed());
}

#[test]
fn failures_that_left_the_window_do_not_count() {
    let began = Instant::now();
    let mut breaker = Breaker::new(Policy::default(), began);
    for seconds in 0..40 {
        // One failure and one success every two seconds: half fails, but never twenty requests in ten seconds.
        let now = began + SECOND * 2 * seconds;
        fails(&mut breaker, 2, now);
        breaker.record(Admitted::Normal, Outcome::Success, now, 0);
        assert!(breaker.is_closed());
    }
}

#[test]
fn one_probe_decides_and_the_backoff_doubles_up_to_its_bound() {
    let mut now = Instant::now();
    let mut breaker = Breaker::new(Policy::default(), now);
    fails(&mut breaker, 5, now);
    for backoff in [1, 2, 4, 8, 16, 30, 30] {
        assert_eq!(breaker.admit(now + SECOND * backoff - Duration::from_millis(1)), None);
        now += SECOND * backoff;
        assert_eq!(breaker.admit(now), Some(Admitted::Probe));
        assert_eq!(breaker.admit(now), None, "one probe at a time");
        breaker.record(Admitted::Probe, Outcome::Failure, now, NO_JITTER);
    }
    now += SECOND * 30;
    assert_eq!(breaker.admit(now), Some(Admitted::Probe));
    breaker.record(Admitted::Probe, Outcome::Success, now, 0);
    assert_eq!(breaker.admit(now), Some(Admitted::Normal));
    fails(&mut breaker, 5, now);
    assert_eq!(breaker.admit(now + SECOND), Some(Admitted::Probe), "a success forgets the earlier backoffs");
}

#[test]
fn a_probe_without_an_answer_leaves_the_question_to_the_next() {
    let now = Instant::now();
    let mut breaker = Breaker::new(Policy::default(), now);
    fails(&mut breaker, 5, now);
    assert_eq!(breaker.admit(now + SECOND), Some(Admitted::Probe));
    breaker.record(Admitted::Probe, Outcome::Abandoned, now + SECOND, 0);
    assert_eq!(breaker.admit(now + SECOND), Some(Admitted::Probe));
}

#[derive(Debug, Clone)]
enum Step {
    Admit,
    /// Ends the request that was admitted so many steps ago.
    End(prop::sample::Index, Outcome, u32),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![Just(Outcome::Success), Just(Outcome::Failure), Just(Outcome::Abandoned)];
    let end = (any::<prop::sample::Index>(), outcome, any::<u32>());
    let step = prop_oneof![
        3 => Just(Step::Admit),
        3 => end.prop_map(|(which, outcome, jitter)| Step::End(which, outcome, jitter)),
        1 => (0u64..5_000).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..200)
}

proptest! {
    #[test]
    fn whatever_happens_one_probe_at_most_is_out_and_it_never_stays_shut(steps in steps()) {
        let policy = Policy::default();
        let mut now = Instant::now();
        let mut breaker = Breaker::new(policy, now);
        let mut out: Vec<Admitted> = Vec::new();
        for step in steps {
            match step {
                Step::Admit => {
                    let ready = breaker.is_ready(now);
                    let admitted = breaker.admit(now);
                    prop_assert_eq!(ready, admitted.is_some(), "ready is what admit does");
                    out.extend(admitted);
                }
                Step::End(which, outcome, jitter) if !out.is_empty() => {
                    let at = which.index(out.len());
                    let admitted = out.swap_remove(at);
                    breaker.record(admitted, outcome, now, jitter);
                }
                Step::End(..) => {}
                Step::Wait(ms) => now += Duration::from_millis(ms),
            }
            let probes = out.iter().filter(|admitted| **admitted == Admitted::Probe).count();
            prop_assert!(probes <= 1);
            if probes == 0 {
                prop_assert!(breaker.is_ready(now + policy.longest), "it opens for no longer than the longest backoff");
            }
        }
    }
}

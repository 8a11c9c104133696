//! How many retries the calls of a module have earned.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// One retry, in the unit of the balance.
const RETRY: u64 = 1000;
const SECOND: u64 = 1_000_000_000;

/// A token bucket for retries (Finagle's `RetryBudget`; gRPC's proposal A6): every call puts a part of a retry in, every
/// retry takes one out. Beside that, some retries every second are free, so that a caller with few calls can retry at
/// all.
///
/// The balance is capped, where Finagle lets what was earned run out: a quiet hour earns no storm either way. Without
/// locks.
#[derive(Debug)]
pub struct Budget {
    /// What a call earns, in thousandths of a retry.
    earned: u64,
    /// Most that can be saved, in thousandths of a retry.
    most: u64,
    balance: AtomicU64,
    /// Free retries, as a leaky bucket in the form of the generic cell rate algorithm: nanoseconds between two of them.
    interval: Option<u64>,
    /// When the next free one is due if they come evenly, in nanoseconds since `began`.
    due: AtomicU64,
    began: Instant,
}

// === impl Budget ===

impl Budget {
    /// `percent` retries for every hundred calls, of which at most `saved` are kept for later, and `free` more every
    /// second.
    pub fn new(percent: u32, saved: u32, free: u32) -> Self {
        Self {
            earned: u64::from(percent).saturating_mul(RETRY / 100),
            most: u64::from(saved).saturating_mul(RETRY),
            balance: AtomicU64::new(0),
            interval: SECOND.checked_div(free.into()),
            due: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    /// Counts a call.
    pub(crate) fn deposit(&self) {
        let more = |balance: u64| {
            let more = balance.saturating_add(self.earned).min(self.most);
            (more != balance).then_some(more)
        };
        // Full: nothing to add.
        let _full = self.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Takes a retry, if there is one.
    pub(crate) fn withdraw(&self) -> bool {
        self.free() || {
            let less = |balance: u64| balance.checked_sub(RETRY);
            self.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
        }
    }

    fn free(&self) -> bool {
        let Some(interval) = self.interval else { return false };
        let now = nanos(self.began.elapsed());
        // A second's worth may come at once.
        let ahead = SECOND.saturating_sub(interval);
        let take = |due: u64| {
            let due = due.max(now);
            (due.saturating_sub(now) <= ahead).then(|| due.saturating_add(interval))
        };
        self.due.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

impl Default for Budget {
    /// Finagle's: 20 % and 10 a second.
    fn default() -> Self {
        Self::new(20, 100, 10)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_earn_retries_up_to_what_may_be_saved() {
        let budget = Budget::new(20, 2, 0);
        assert!(!budget.withdraw(), "nothing was earned yet");
        for _ in 0..5 {
            budget.deposit();
        }
        assert!(budget.withdraw() && !budget.withdraw());
        for _ in 0..100 {
            budget.deposit();
        }
        assert!(budget.withdraw() && budget.withdraw() && !budget.withdraw());
    }

    #[tokio::test(start_paused = true)]
    async fn some_are_free_every_second() {
        let budget = Budget::new(0, 0, 3);
        assert_eq!((0..10).filter(|_| budget.withdraw()).count(), 3);
        tokio::time::advance(Duration::from_millis(334)).await;
        assert!(budget.withdraw() && !budget.withdraw());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(
            (0..10).filter(|_| budget.withdraw()).count(),
            3,
            "a quiet minute saves no more than a second"
        );
    }

    #[derive(Debug, Clone)]
    enum Event {
        Call,
        Retry,
        Pass(u64),
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            3 => Just(Event::Call),
            3 => Just(Event::Retry),
            1 => (1_u64..3000).prop_map(Event::Pass)
        ];
        prop::collection::vec(event, 0..400)
    }

    proptest! {
        #[test]
        fn never_more_retries_than_were_earned_or_were_free(
            events in events(), percent in 0_u32..=100, free in 0_u32..=20
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let budget = Budget::new(percent, 10, free);
                let (mut calls, mut retries, mut millis) = (0_u64, 0_u64, 0_u64);
                for event in events {
                    match event {
                        Event::Call => {
                            budget.deposit();
                            calls += 1;
                        }
                        Event::Retry => retries += u64::from(budget.withdraw()),
                        Event::Pass(time) => {
                            tokio::time::advance(Duration::from_millis(time)).await;
                            millis += time;
                        }
                    }
                    let earned = calls * u64::from(percent) / 100;
                    let given = u64::from(free) + u64::from(free) * millis / 1000 + 1;
                    assert!(retries <= earned + given, "{retries} retries after {calls} calls in {millis} ms");
                }
            });
        }
    }
}

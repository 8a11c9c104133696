//! Choosing one of several instances: power of two choices over peak-EWMA latency.
//!
//! **Why.** Asking all instances for the least loaded one makes every node choose the same; asking two random ones is
//! nearly as good and cannot herd (Mitzenmacher 2001). The load is what Finagle and linkerd use: latency times requests
//! in flight, where the latency is an average that jumps up at once and comes down slowly, so that one slow answer is
//! noticed by the next request.
//!
//! **Rules.** `cost = latency × (in flight + 1)`. The latency decays towards what is measured with a time constant of
//! [`DECAY`]. An instance that was never asked costs nothing and is so asked first.
//!
//! **Odd cases.** Decay uses `τ / (τ + t)` instead of `e^(−t/τ)`: equal to first order, without floating point, and heavier
//! in the tail, which errs towards remembering. Two threads that measure at once may lose one measurement.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The time constant of the latency's decay.
pub const DECAY: Duration = Duration::from_secs(10);

/// The load of one instance, as it is seen from here. Lock-free.
#[derive(Debug)]
pub struct Load {
    began: Instant,
    in_flight: AtomicU32,
    /// Nanoseconds.
    latency: AtomicU64,
    /// When the latency was last set, in nanoseconds since `began`.
    measured: AtomicU64,
}

/// The better of two random ones of `usable`. `candidates` is walked at most three times and nothing is allocated.
pub fn pick<T>(candidates: &[T], usable: impl Fn(&T) -> bool, cost: impl Fn(&T) -> u128) -> Option<&T> {
    let count = candidates.iter().filter(|c| usable(c)).count();
    let nth = |n| candidates.iter().filter(|c| usable(c)).nth(n);
    match count {
        0 => None,
        1 => nth(0),
        _ => {
            let first = fastrand::usize(..count);
            let second = (first + fastrand::usize(1..count)) % count;
            match (nth(first), nth(second)) {
                (Some(a), Some(b)) => Some(if cost(b) < cost(a) { b } else { a }),
                // One of them fell ill between the walks.
                (one, other) => one.or(other),
            }
        }
    }
}

// === impl Load ===

impl Load {
    /// That of an instance that was never asked.
    pub fn new(now: Instant) -> Self {
        Self {
            began: now,
            in_flight: AtomicU32::new(0),
            latency: AtomicU64::new(0),
            measured: AtomicU64::new(0),
        }
    }

    /// What choosing it costs.
    pub fn cost(&self, now: Instant) -> u128 {
        let in_flight = u128::from(self.in_flight());
        u128::from(self.decayed(now)) * (in_flight + 1) + in_flight
    }

    /// Requests that were sent and not yet answered in full.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The latency as it is believed now, in nanoseconds.
    fn decayed(&self, now: Instant) -> u64 {
        mix(self.latency.load(Ordering::Relaxed), 0, self.age(now))
    }

    pub(crate) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// An answer began to come after `latency`.
    pub fn measure(&self, latency: Duration, now: Instant) {
        let measured = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        let known = self.latency.load(Ordering::Relaxed);
        let next = if measured >= known { measured } else { mix(known, measured, self.age(now)) };
        self.latency.store(next, Ordering::Relaxed);
        self.measured.store(self.nanos(now), Ordering::Relaxed);
    }

    fn age(&self, now: Instant) -> u64 {
        self.nanos(now).saturating_sub(self.measured.load(Ordering::Relaxed))
    }

    fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// `to + (from - to) × τ / (τ + age)`, for `from >= to`.
fn mix(from: u64, to: u64, age: u64) -> u64 {
    let above = u128::from(from.saturating_sub(to));
    let tau = DECAY.as_nanos();
    let left = above * tau / (tau + u128::from(age));
    to.saturating_add(u64::try_from(left).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn latency_jumps_up_at_once_and_comes_down_slowly() {
        let now = Instant::now();
        let load = Load::new(now);
        load.measure(MS, now);
        load.measure(100 * MS, now);
        assert_eq!(load.decayed(now), 100_000_000);
        load.measure(MS, now + Duration::from_secs(1));
        let later = load.decayed(now + Duration::from_secs(1));
        assert!((80_000_000..100_000_000).contains(&later), "{later}");
        assert!(load.decayed(now + Duration::from_secs(600)) < 2_000_000);
    }

    #[test]
    fn requests_in_flight_make_it_dearer() {
        let now = Instant::now();
        let load = Load::new(now);
        load.measure(MS, now);
        let idle = load.cost(now);
        load.begin();
        assert!(load.cost(now) > idle);
        load.end();
        assert_eq!(load.cost(now), idle);
    }

    #[test]
    fn the_dearest_of_three_is_never_chosen_and_the_unusable_neither() {
        let costs = [1_u128, 5, 9];
        for _ in 0..1_000 {
            assert_ne!(
                pick(&costs, |_| true, |cost| *cost),
                Some(&9),
                "whatever it is paired with is cheaper"
            );
            assert_eq!(pick(&costs, |cost| *cost == 9, |cost| *cost), Some(&9));
            assert_eq!(pick(&costs, |cost| *cost > 9, |cost| *cost), None);
        }
    }

    #[test]
    fn with_many_alike_all_are_chosen() {
        let candidates: Vec<usize> = (0..8).collect();
        let mut seen = [false; 8];
        for _ in 0..1_000 {
            seen[*pick(&candidates, |_| true, |_| 1).unwrap()] = true;
        }
        assert!(seen.iter().all(|seen| *seen));
    }
}

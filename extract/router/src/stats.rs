//! What was answered lately, by module and place: counts and latencies of the last minute.
//!
//! **Rules.** Recording takes no lock: it adds to counters of the present slot of six, each ten seconds long. Latencies
//! fall into buckets that are an eighth of a power of two wide, so a percentile is at most 12.5 % too high and never too
//! low.
//!
//! **Odd cases.** Who first writes into a slot of the last round empties it; a count that another thread adds at that very
//! moment may be lost.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Counters of one module in one place.
#[derive(Debug)]
pub struct Stats {
    began: Instant,
    slots: [Slot; SLOTS],
}

/// What a span of time looked like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Summary {
    /// Requests that were answered, or failed.
    pub requests: u64,
    /// Those of them with a status from 500 on, or without an answer.
    pub errors: u64,
    /// Half of them took at most so long, in microseconds.
    pub p50_us: u64,
    /// All but a hundredth of them took at most so long, in microseconds.
    pub p99_us: u64,
}

#[derive(Debug)]
struct Slot {
    /// Which ten seconds it holds, counted from 1.
    number: AtomicU64,
    errors: AtomicU32,
    buckets: [AtomicU32; BUCKETS],
}

const SLOTS: usize = 6;
const SLOT: u64 = 10;
/// Eight for each power of two up to 2^27 µs, two minutes.
const BUCKETS: usize = 216;

// === impl Stats ===

impl Default for Stats {
    fn default() -> Self {
        Self { began: Instant::now(), slots: std::array::from_fn(|_| Slot::default()) }
    }
}

impl Stats {
    /// A request was answered with `status` after `latency`.
    pub fn record(&self, status: u16, latency: Duration) {
        self.record_at(status, latency, Instant::now());
    }

    /// The last minute.
    pub fn summary(&self) -> Summary {
        self.summary_at(Instant::now())
    }

    /// Forgets everything: a new phase is judged by its own requests.
    pub fn clear(&self) {
        for slot in &self.slots {
            slot.empty();
        }
    }

    fn record_at(&self, status: u16, latency: Duration, now: Instant) {
        let number = self.number(now);
        let Some(slot) = self.slots.get(usize::try_from(number % 6).unwrap_or(0)) else { return };
        let held = slot.number.load(Ordering::Relaxed);
        if held != number
            && slot.number.compare_exchange(held, number, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            slot.empty();
        }
        if status >= 500 {
            slot.errors.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(bucket) = slot.buckets.get(bucket_of(latency)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn summary_at(&self, now: Instant) -> Summary {
        let newest = self.number(now);
        let mut counts = [0_u64; BUCKETS];
        let mut errors = 0;
        for slot in &self.slots {
            let number = slot.number.load(Ordering::Relaxed);
            if number == 0 || number + 6 <= newest {
                continue;
            }
            errors += u64::from(slot.errors.load(Ordering::Relaxed));
            for (sum, bucket) in counts.iter_mut().zip(&slot.buckets) {
                *sum += u64::from(bucket.load(Ordering::Relaxed));
            }
        }
        let requests = counts.iter().sum();
        let at = |percent: u64| percentile(&counts, requests, percent);
        Summary { requests, errors, p50_us: at(50), p99_us: at(99) }
    }

    fn number(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.began).as_secs() / SLOT + 1
    }
}

fn percentile(counts: &[u64; BUCKETS], all: u64, percent: u64) -> u64 {
    let rank = (all * percent).div_ceil(100);
    let mut seen = 0;
    for (bucket, count) in counts.iter().enumerate() {
        seen += count;
        if seen >= rank && seen > 0 {
            return upper_bound(bucket);
        }
    }
    0
}

/// Below 8 µs each has its own; then eight for each power of two.
fn bucket_of(latency: Duration) -> usize {
    let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    let Some(exponent) = us.checked_ilog2().filter(|exponent| *exponent >= 3) else {
        return usize::try_from(us).unwrap_or(0);
    };
    let within = (us >> (exponent - 3)) & 7;
    let index = u64::from(exponent - 2) * 8 + within;
    usize::try_from(index).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The largest latency of a bucket, in microseconds.
fn upper_bound(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(0);
    if bucket < 8 {
        return bucket;
    }
    let (octave, within) = (bucket / 8 - 1, bucket % 8);
    ((8 + within + 1) << octave) - 1
}

// === impl Slot ===

impl Slot {
    fn empty(&self) {
        self.errors.store(0, Ordering::Relaxed);
        for bucket in &self.buckets {
            bucket.store(0, Ordering::Relaxed);
        }
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            number: AtomicU64::new(0),
            errors: AtomicU32::new(0),
            buckets: std::array::from_fn(|_| AtomicU32::new(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_minute_later_everything_is_forgotten() {
        let stats = Stats::default();
        let at = |seconds| stats.began + Duration::from_secs(seconds);
        stats.record_at(200, Duration::from_millis(1), at(0));
        stats.record_at(503, Duration::from_millis(1), at(55));
        assert_eq!((stats.summary_at(at(59)).requests, stats.summary_at(at(59)).errors), (2, 1));
        assert_eq!(stats.summary_at(at(60)).requests, 1);
        stats.record_at(200, Duration::from_millis(1), at(61));
        assert_eq!(stats.summary_at(at(61)).requests, 2, "the slot of the first was used again");
        assert_eq!(stats.summary_at(at(600)), Summary::default());
    }

    #[test]
    fn percentiles_are_those_of_the_requests() {
        let stats = Stats::default();
        for ms in 1..=100 {
            stats.record(200, Duration::from_millis(ms));
        }
        let summary = stats.summary();
        assert!((50_000..57_000).contains(&summary.p50_us), "{summary:?}");
        assert!((99_000..112_000).contains(&summary.p99_us), "{summary:?}");
    }

    proptest! {
        #[test]
        fn a_bucket_is_never_below_what_falls_into_it_and_at_most_an_eighth_above(us in 0u64..120_000_000) {
            let bound = upper_bound(bucket_of(Duration::from_micros(us)));
            prop_assert!(bound >= us);
            prop_assert!(bound <= us + us / 8);
        }
    }
}

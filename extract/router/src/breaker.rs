//! A circuit breaker for one upstream: a plain state machine that is told the time.
//!
//! **Why two signals.** An upstream that is dead fails every request, and a few in a row are proof enough; waiting for a
//! window to fill would cost users. One that is half broken answers often enough to break any row of failures; only its
//! share of successes shows it. So either trips the breaker:
//!
//! - [`Policy::consecutive`] failures in a row, or
//! - fewer than [`Policy::success_percent`] successes among the requests of the last [`Policy::window`], once there were
//!   at least [`Policy::minimum`] of them, so that one failure after a quiet night does not count as everything.
//!
//! **Recovery.** An open breaker admits nothing until its backoff has passed, then one request, the probe. If that
//! succeeds the breaker closes and forgets; if it fails, it opens again for twice as long, up to [`Policy::longest`]. Up
//! to half of each backoff is random, so that the workers and nodes that saw one upstream die do not return as one.
//!
//! **Odd cases.** Answers to requests that were admitted before it opened still come in; they say nothing new and are
//! ignored. A probe that ends without an answer (its client went away) decides nothing: the next request is the probe.
//!
//! Modelled on the breaker of linkerd2-proxy (`outbound/src/http/breaker`).

use std::time::{Duration, Instant};

/// When it trips, and how it comes back.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Failures in a row that open it.
    pub consecutive: u32,
    /// Least share of successes in the window, in percent.
    pub success_percent: u32,
    /// Least number of requests in the window before their share counts.
    pub minimum: u32,
    /// How far back requests count.
    pub window: Duration,
    /// The first backoff.
    pub shortest: Duration,
    /// The backoff stops doubling here.
    pub longest: Duration,
}

/// The breaker of one upstream.
#[derive(Debug)]
pub struct Breaker {
    policy: Policy,
    state: State,
    /// Failures since the last success.
    consecutive: u32,
    /// How often it opened since it was last closed; decides the backoff.
    trips: u32,
    window: Window,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Instant,
    },
    /// One request is out to see.
    HalfOpen,
}

/// What a request that is let through stands for. It must be given back with the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// One of many.
    Normal,
    /// The one request by which an open breaker decides.
    Probe,
}

/// How a request that was let through ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream answered as it should.
    Success,
    /// It did not.
    Failure,
    /// Nobody knows, for a reason that is not the upstream's.
    Abandoned,
}

/// Counts of the recent past in ten slots.
#[derive(Debug)]
struct Window {
    slot: Duration,
    began: Instant,
    /// Index of the newest slot, counted from `began`.
    newest: u128,
    successes: [u32; SLOTS],
    failures: [u32; SLOTS],
}

const SLOTS: usize = 10;

// === impl Policy ===

impl Default for Policy {
    fn default() -> Self {
        Self {
            consecutive: 5,
            success_percent: 50,
            minimum: 20,
            window: Duration::from_secs(10),
            shortest: Duration::from_secs(1),
            longest: Duration::from_secs(30),
        }
    }
}

// === impl Breaker ===

impl Breaker {
    /// A closed one.
    pub fn new(policy: Policy, now: Instant) -> Self {
        let window = Window::new(policy.window, now);
        Self { policy, state: State::Closed, consecutive: 0, trips: 0, window }
    }

    /// Whether a request would be let through.
    pub fn is_ready(&self, now: Instant) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until } => now >= until,
            State::HalfOpen => false,
        }
    }

    /// Whether it admits everything.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Lets a request through, or does not.
    pub fn admit(&mut self, now: Instant) -> Option<Admitted> {
        match self.state {
            State::Closed => Some(Admitted::Normal),
            State::Open { until } if now >= until => {
                self.state = State::HalfOpen;
                Some(Admitted::Probe)
            }
            State::Open { .. } | State::HalfOpen => None,
        }
    }

    /// Takes in how a request ended that was let through as `admitted`. `jitter` is a random number.
    pub fn record(&mut self, admitted: Admitted, outcome: Outcome, now: Instant, jitter: u32) {
        match (admitted, self.state) {
            (Admitted::Normal, State::Closed) => self.count(outcome, now, jitter),
            (Admitted::Probe, State::HalfOpen) => match outcome {
                Outcome::Success => self.close(now),
                Outcome::Failure => self.open(now, jitter),
                Outcome::Abandoned => self.state = State::Open { until: now },
            },
            (Admitted::Normal, State::Open { .. } | State::HalfOpen)
            | (Admitted::Probe, State::Open { .. } | State::Closed) => {}
        }
    }

    fn count(&mut self, outcome: Outcome, now: Instant, jitter: u32) {
        match outcome {
            Outcome::Abandoned => return,
            Outcome::Success => {
                self.consecutive = 0;
                self.window.add(now, 1, 0);
            }
            Outcome::Failure => {
                self.consecutive = self.consecutive.saturating_add(1);
                self.window.add(now, 0, 1);
            }
        }
        if outcome == Outcome::Failure && (self.consecutive >= self.policy.consecutive || self.rate_is_low())
        {
            self.open(now, jitter);
        }
    }

    fn rate_is_low(&self) -> bool {
        let (successes, failures) = self.window.sums();
        let all = successes + failures;
        all >= u64::from(self.policy.minimum)
            && successes * 100 < all * u64::from(self.policy.success_percent)
    }

    fn close(&mut self, now: Instant) {
        *self = Self::new(self.policy, now);
    }

    fn open(&mut self, now: Instant, jitter: u32) {
        let doubled = self.policy.shortest.saturating_mul(1_u32.checked_shl(self.trips.min(16)).unwrap_or(1));
        let backoff = doubled.min(self.policy.longest);
        self.trips = self.trips.saturating_add(1);
        // From half of the backoff to all of it.
        let thousandths = 500 + jitter % 501;
        self.state = State::Open { until: now + backoff.saturating_mul(thousandths) / 1000 };
    }
}

// === impl Window ===

impl Window {
    fn new(length: Duration, now: Instant) -> Self {
        let slot = (length / 10).max(Duration::from_millis(1));
        Self { slot, began: now, newest: 0, successes: [0; SLOTS], failures: [0; SLOTS] }
    }

    fn add(&mut self, now: Instant, successes: u32, failures: u32) {
        let index = now.saturating_duration_since(self.began).as_nanos() / self.slot.as_nanos().max(1);
        // Slots that were skipped hold counts of an earlier round.
        let stale = index.saturating_sub(self.newest).min(10);
        for back in 0..stale {
            let at = Self::at(index - back);
            Self::set(&mut self.successes, at, |_| 0);
            Self::set(&mut self.failures, at, |_| 0);
        }
        self.newest = self.newest.max(index);
        let at = Self::at(index);
        Self::set(&mut self.successes, at, |count| count.saturating_add(successes));
        Self::set(&mut self.failures, at, |count| count.saturating_add(failures));
    }

    fn at(index: u128) -> usize {
        usize::try_from(index % 10).unwrap_or(0)
    }

    fn set(counts: &mut [u32; SLOTS], at: usize, change: impl FnOnce(u32) -> u32) {
        if let Some(count) = counts.get_mut(at) {
            *count = change(*count);
        }
    }

    fn sums(&self) -> (u64, u64) {
        let sum = |counts: &[u32; SLOTS]| counts.iter().copied().map(u64::from).sum();
        (sum(&self.successes), sum(&self.failures))
    }
}

#[cfg(test)]
mod tests;

//! One upstream as this process knows it: address, load, breaker, health.
//!
//! It outlives tables: an instance that is in the next table too keeps what is known of it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::balance::Load;
use crate::breaker::{Admitted, Breaker, Outcome, Policy};
use crate::table::BaseUrl;

/// One process that requests are sent to.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// Tells upstreams apart in the connection pools; never used twice in a process.
    pub(crate) key: u64,
    pub(crate) id: String,
    pub(crate) url: BaseUrl,
    pub(crate) load: Load,
    /// What is asked to learn how it is; nothing is asked without one.
    pub(crate) health_path: Option<String>,
    healthy: AtomicBool,
    failed_checks: AtomicU32,
    /// Whether the breaker is closed: read without its lock.
    closed: AtomicBool,
    breaker: Mutex<Breaker>,
}

/// One request to an upstream. Ends when it is dropped; without a verdict before, it says nothing of the upstream.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) upstream: Arc<Upstream>,
    admitted: Option<Admitted>,
    pub(crate) began: Instant,
}

// === impl Upstream ===

impl Upstream {
    pub(crate) fn new(id: &str, url: &BaseUrl, health_path: Option<String>, policy: Policy) -> Arc<Self> {
        static KEYS: AtomicU64 = AtomicU64::new(0);
        let now = Instant::now();
        Arc::new(Self {
            key: KEYS.fetch_add(1, Ordering::Relaxed),
            id: id.to_owned(),
            url: url.clone(),
            load: Load::new(now),
            health_path,
            healthy: AtomicBool::new(true),
            failed_checks: AtomicU32::new(0),
            closed: AtomicBool::new(true),
            breaker: Mutex::new(Breaker::new(policy, now)),
        })
    }

    /// Whether a request may be sent to it now.
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        self.is_healthy() && (self.closed.load(Ordering::Relaxed) || self.breaker().is_ready(now))
    }

    pub(crate) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// Whether the breaker lets everything through.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Begins a request, unless the breaker has opened meanwhile.
    pub(crate) fn begin(self: &Arc<Self>, now: Instant) -> Option<Attempt> {
        let admitted = if self.is_closed() { Admitted::Normal } else { self.breaker().admit(now)? };
        self.load.begin();
        Some(Attempt { upstream: Arc::clone(self), admitted: Some(admitted), began: now })
    }

    /// Takes in a health check; `true` if it changed what is believed.
    pub(crate) fn checked(&self, well: bool, failures: u32) -> bool {
        if well {
            self.failed_checks.store(0, Ordering::Relaxed);
            return !self.healthy.swap(true, Ordering::Relaxed);
        }
        let failed = self.failed_checks.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        failed >= failures && self.healthy.swap(false, Ordering::Relaxed)
    }

    fn record(&self, admitted: Admitted, outcome: Outcome, now: Instant) {
        let mut breaker = if admitted == Admitted::Normal && outcome == Outcome::Success {
            // Workers do not wait for each other to count a success: what is lost is one of many.
            match self.breaker.try_lock() {
                Ok(breaker) => breaker,
                Err(_busy) => return,
            }
        } else {
            self.breaker()
        };
        let was = breaker.is_closed();
        breaker.record(admitted, outcome, now, fastrand::u32(..));
        let is = breaker.is_closed();
        self.closed.store(is, Ordering::Relaxed);
        if was != is {
            let state = if is { "closed" } else { "open" };
            log::warn!("the breaker of {} at {} is {state}", self.id, self.url);
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Attempt ===

impl Attempt {
    /// The head of an answer came.
    pub(crate) fn answered(&mut self, status: u16, now: Instant) {
        self.upstream.load.measure(now.saturating_duration_since(self.began), now);
        // 501 tells of the request, every other one from 500 on of the server.
        let failed = status >= 500 && status != 501;
        self.verdict(if failed { Outcome::Failure } else { Outcome::Success }, now);
    }

    /// There was none, and it is the upstream's fault.
    pub(crate) fn failed(&mut self, now: Instant) {
        // A failure is not a fast answer: it must not draw traffic.
        let waited = now.saturating_duration_since(self.began).max(Duration::from_millis(100));
        self.upstream.load.measure(waited, now);
        self.verdict(Outcome::Failure, now);
    }

    fn verdict(&mut self, outcome: Outcome, now: Instant) {
        if let Some(admitted) = self.admitted.take() {
            self.upstream.record(admitted, outcome, now);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.upstream.load.end();
        if let Some(Admitted::Probe) = self.admitted {
            self.verdict(Outcome::Abandoned, Instant::now());
        }
    }
}

//! The gate of one module: counts the requests inside, and can keep new ones waiting.
//!
//! **Why.** A switch of placements needs a moment in which no request is being executed. Refusing requests in it would be
//! seen; letting them wait is not, as long as it is short.
//!
//! **Rules.** An open gate hands out permits without a lock: one compare-and-swap counts the request in, dropping the
//! permit counts it out. [`Gate::park`] closes it at once: who holds a permit goes on, who comes waits, in the order of
//! arrival. [`Gate::drained`] waits until the last permit is back. [`Gate::release`] gives every waiting request its
//! permit before it lets a newcomer in, so nobody is overtaken.
//!
//! **Bounds.** As many requests wait as [`Limits::waiting`] says, each no longer than [`Limits::park`] and never past its
//! client's deadline; who does not fit, or waits in vain, is refused without having been executed. At most
//! [`Limits::inside`] requests are inside, so that an upstream that hangs does not gather them without end.
//!
//! **Odd cases.** A request that gives up at the very moment it is released drops its permit unused. A gate that is
//! parked and empty stays drained until it is released, however many arrive.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

/// Bounds of a gate.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most requests inside.
    pub inside: u64,
    /// Most requests that wait while it is parked.
    pub waiting: usize,
    /// Longest wait while it is parked.
    pub park: Duration,
}

/// The gate of one module.
#[derive(Debug)]
pub struct Gate {
    /// [`PARKED`], and the number of permits that are out.
    word: AtomicU64,
    limits: Limits,
    waiting: Mutex<VecDeque<oneshot::Sender<Permit>>>,
    /// Told when the last permit comes back while it is parked.
    empty: Notify,
}

/// One request is inside while this lives.
#[derive(Debug)]
pub struct Permit {
    gate: Arc<Gate>,
}

/// Why a request was not let in. It was not executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too many wait already.
    #[error("too many requests wait for the switch to end")]
    Crowded,
    /// The switch took too long.
    #[error("the switch took longer than a request may wait")]
    WaitedTooLong,
    /// Too many are inside.
    #[error("too many requests are being answered")]
    Full,
}

const PARKED: u64 = 1 << 63;

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { inside: 10_000, waiting: 10_000, park: Duration::from_secs(5) }
    }
}

// === impl Gate ===

impl Gate {
    /// An open one.
    pub fn new(limits: Limits) -> Arc<Self> {
        let word = AtomicU64::new(0);
        Arc::new(Self { word, limits, waiting: Mutex::default(), empty: Notify::new() })
    }

    /// Lets a request in, at once if the gate is open.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn enter(self: &Arc<Self>, deadline: Instant) -> Result<Permit, Refused> {
        match self.try_enter() {
            Ok(entered) => entered,
            Err(Parked) => self.wait(deadline).await,
        }
    }

    /// From now on requests wait.
    pub fn park(&self) {
        self.word.fetch_or(PARKED, Ordering::AcqRel);
    }

    /// Lets in who waits, in the order of arrival, and from now on everybody.
    pub fn release(self: &Arc<Self>) {
        let mut waiting = self.waiting();
        for sender in waiting.drain(..) {
            self.word.fetch_add(1, Ordering::AcqRel);
            // One that has given up hands the permit back here.
            drop(sender.send(Permit { gate: Arc::clone(self) }));
        }
        self.word.fetch_and(!PARKED, Ordering::AcqRel);
    }

    /// Waits until no request is inside. Means what it says only while the gate is parked. `false` if `deadline` came first.
    pub async fn drained(&self, deadline: Instant) -> bool {
        loop {
            let emptied = self.empty.notified();
            if self.inside() == 0 {
                return true;
            }
            if tokio::time::timeout_at(deadline.into(), emptied).await.is_err() {
                return self.inside() == 0;
            }
        }
    }

    /// How many requests are inside.
    pub fn inside(&self) -> u64 {
        self.word.load(Ordering::Acquire) & !PARKED
    }

    /// How many requests wait.
    pub fn waiting_count(&self) -> usize {
        self.waiting().iter().filter(|sender| !sender.is_closed()).count()
    }

    /// Whether requests wait.
    pub fn is_parked(&self) -> bool {
        self.word.load(Ordering::Acquire) & PARKED != 0
    }

    fn try_enter(self: &Arc<Self>) -> Result<Result<Permit, Refused>, Parked> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & PARKED != 0 {
                return Err(Parked);
            }
            if word >= self.limits.inside {
                return Ok(Err(Refused::Full));
            }
            match self.word.compare_exchange_weak(word, word + 1, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Ok(Ok(Permit { gate: Arc::clone(self) })),
                Err(seen) => word = seen,
            }
        }
    }

    async fn wait(self: &Arc<Self>, deadline: Instant) -> Result<Permit, Refused> {
        let until = deadline.min(Instant::now() + self.limits.park);
        let receiver = {
            let mut waiting = self.waiting();
            // Under the lock the gate cannot be released: it is parked now and this waits, or it is open.
            if let Ok(entered) = self.try_enter() {
                return entered;
            }
            if waiting.len() >= self.limits.waiting {
                waiting.retain(|sender| !sender.is_closed());
            }
            if waiting.len() >= self.limits.waiting {
                return Err(Refused::Crowded);
            }
            let (sender, receiver) = oneshot::channel();
            waiting.push_back(sender);
            receiver
        };
        match tokio::time::timeout_at(until.into(), receiver).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Refused::WaitedTooLong),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<oneshot::Sender<Permit>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Parked;

// === impl Permit ===

impl Drop for Permit {
    fn drop(&mut self) {
        if self.gate.word.fetch_sub(1, Ordering::AcqRel) == PARKED | 1 {
            self.gate.empty.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;

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
//! **What is told.** Of the last park: how many were let in and how long each had waited, and how many were refused.
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
    queue: Mutex<Queue>,
    /// Told when the last permit comes back while it is parked.
    empty: Notify,
}

/// Who waits, and how it went for those who did.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiter>,
    park: Park,
}

/// A request that waits.
#[derive(Debug)]
struct Waiter {
    since: Instant,
    sender: oneshot::Sender<Permit>,
}

/// How it went for those who came while the gate was parked last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Park {
    /// Those who were let in.
    pub let_in: u64,
    /// Those who were refused, not executed.
    pub refused: u64,
    /// How many of those who were let in had waited for at most so long, and longer than for the bound before, by
    /// [`WAIT_BOUNDS`]; the last for longer than all.
    pub waits: [u64; WAIT_BOUNDS.len() + 1],
}

/// Bounds of [`Park::waits`], in milliseconds.
pub const WAIT_BOUNDS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

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
        Arc::new(Self { word, limits, queue: Mutex::default(), empty: Notify::new() })
    }

    /// Lets a request in, at once if the gate is open.
    ///
    /// # Errors
    /// See [`Refused`].
    pub async fn enter(self: &Arc<Self>, deadline: Instant) -> Result<Permit, Refused> {
        match self.try_enter() {
            Ok(entered) => entered,
            Err(Parked) => {
                let waited = self.wait(deadline).await;
                if waited.is_err() {
                    self.queue().park.refused += 1;
                }
                waited
            }
        }
    }

    /// From now on requests wait.
    pub fn park(&self) {
        let mut queue = self.queue();
        if self.word.fetch_or(PARKED, Ordering::AcqRel) & PARKED == 0 {
            queue.park = Park::default();
        }
    }

    /// Lets in who waits, in the order of arrival, and from now on everybody.
    pub fn release(self: &Arc<Self>) {
        let mut queue = self.queue();
        let Queue { waiting, park } = &mut *queue;
        for Waiter { since, sender } in waiting.drain(..) {
            self.word.fetch_add(1, Ordering::AcqRel);
            // One that has given up hands the permit back here.
            if sender.send(Permit { gate: Arc::clone(self) }).is_ok() {
                park.let_in(since.elapsed());
            }
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
        self.queue().waiting.iter().filter(|waiter| !waiter.sender.is_closed()).count()
    }

    /// How it went for those who came while it was parked last; so far, while it still is.
    pub fn last_park(&self) -> Park {
        self.queue().park
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
            let waiting = &mut self.queue().waiting;
            // Under the lock the gate cannot be released: it is parked now and this waits, or it is open.
            if let Ok(entered) = self.try_enter() {
                return entered;
            }
            if waiting.len() >= self.limits.waiting {
                waiting.retain(|waiter| !waiter.sender.is_closed());
            }
            if waiting.len() >= self.limits.waiting {
                return Err(Refused::Crowded);
            }
            let (sender, receiver) = oneshot::channel();
            waiting.push_back(Waiter { since: Instant::now(), sender });
            receiver
        };
        match tokio::time::timeout_at(until.into(), receiver).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Refused::WaitedTooLong),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Park ===

impl Park {
    fn let_in(&mut self, waited: Duration) {
        self.let_in += 1;
        let millis = u64::try_from(waited.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        let bucket = WAIT_BOUNDS.iter().position(|bound| millis <= *bound).unwrap_or(WAIT_BOUNDS.len());
        if let Some(count) = self.waits.get_mut(bucket) {
            *count += 1;
        }
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

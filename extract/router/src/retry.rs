//! Which failed attempts are made again, and how many.
//!
//! **Why.** A retry after an unknown outcome doubles an order; a retry of every failure doubles the load on what is
//! already failing. So the kind of failure decides whether, and a budget decides how many.
//!
//! **Rules.**
//! - Nothing was sent (no connection, or one that closed before the request was written): any method, anywhere.
//! - A *reused* connection ended before a byte of the answer came. That is the ordinary race between a server closing
//!   an idle connection and a request using it (RFC 9112 §9.3.1), but the request may also have been executed: only
//!   idempotent methods (RFC 9110 §9.2.2) and requests with an `Idempotency-Key`, if the body can be sent again.
//! - A *new* connection ended without a byte of an answer: the instance died. The same requests go to another instance,
//!   if there is one, and only once: a request that itself brings instances down must not go round.
//! - Anything else: never.
//!
//! **The budget** is linkerd's and Finagle's: every request earns a fraction of a retry, up to a bound, and a few per
//! second are free, so that a quiet service may retry at all.
//!
//! **Odd cases.** A body can be sent again if there is none or it was read in full before it was first sent, which is
//! done up to [`REPLAYABLE`]. TRACE is idempotent by the RFC and left out: nobody needs it twice.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Longest body that is kept to be sent again, in bytes.
pub const REPLAYABLE: u64 = 64 * 1024;

/// How an attempt failed, as far as trying again is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// There was no connection, or the request was not written to it.
    NotSent,
    /// A connection that had served before ended without a byte of an answer.
    ReusedConnection,
    /// A new connection ended without a byte of an answer.
    NewConnection,
    /// Any other.
    Other,
}

/// What of a request decides whether it may be sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resend {
    /// By its method, or because it has an `Idempotency-Key`.
    pub idempotent: bool,
    /// The body is still there in full.
    pub replayable: bool,
}

/// How many retries there may be.
#[derive(Debug, Clone, Copy)]
pub struct BudgetPolicy {
    /// Retries that a hundred requests earn.
    pub percent: u32,
    /// Retries per second that need not be earned.
    pub per_second: u32,
    /// Most retries that can be saved up.
    pub most: u32,
}

/// A balance of retries. Lock-free.
#[derive(Debug)]
pub struct Budget {
    policy: BudgetPolicy,
    began: Instant,
    /// In hundredths of a retry.
    balance: AtomicI64,
    /// The second since `began`, and how many free retries it has seen: upper and lower 32 bits.
    free: AtomicU64,
}

/// Whether an attempt that failed so may be made again.
pub fn allowed(failure: Failure, request: Resend) -> bool {
    match failure {
        Failure::NotSent => request.replayable,
        Failure::ReusedConnection | Failure::NewConnection => request.idempotent && request.replayable,
        Failure::Other => false,
    }
}

// === impl BudgetPolicy ===

impl Default for BudgetPolicy {
    fn default() -> Self {
        Self { percent: 20, per_second: 10, most: 100 }
    }
}

// === impl Budget ===

impl Budget {
    /// An empty one.
    pub fn new(policy: BudgetPolicy, now: Instant) -> Self {
        Self { policy, began: now, balance: AtomicI64::new(0), free: AtomicU64::new(0) }
    }

    /// A request was made.
    pub fn deposit(&self) {
        let most = i64::from(self.policy.most) * 100;
        // Two at once may pass the bound by one deposit each, which does not matter.
        if self.balance.load(Ordering::Relaxed) < most {
            self.balance.fetch_add(i64::from(self.policy.percent), Ordering::Relaxed);
        }
    }

    /// Takes one retry, if there is one.
    pub fn withdraw(&self, now: Instant) -> bool {
        self.take_free(now) || self.take_earned()
    }

    fn take_free(&self, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.began).as_secs() & u64::from(u32::MAX);
        let taken = self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
            let used = if free >> 32 == second { free & u64::from(u32::MAX) } else { 0 };
            (used < u64::from(self.policy.per_second)).then_some(second << 32 | (used + 1))
        });
        taken.is_ok()
    }

    fn take_earned(&self) -> bool {
        let taken = self.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |balance| {
            (balance >= 100).then_some(balance - 100)
        });
        taken.is_ok()
    }
}

/// Longest time a request waits for a connection before another instance is tried.
pub(crate) const CONNECT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_not_sent_may_go_again_and_what_may_have_run_only_if_twice_is_once() {
        let order = Resend { idempotent: false, replayable: true };
        let read = Resend { idempotent: true, replayable: true };
        let upload = Resend { idempotent: true, replayable: false };
        assert!(allowed(Failure::NotSent, order));
        assert!(!allowed(Failure::NotSent, upload), "half of its body is gone");
        assert!(!allowed(Failure::ReusedConnection, order));
        assert!(allowed(Failure::ReusedConnection, read));
        assert!(!allowed(Failure::ReusedConnection, upload));
        assert!(!allowed(Failure::NewConnection, order));
        assert!(allowed(Failure::NewConnection, read));
        assert!(!allowed(Failure::Other, read));
    }

    #[test]
    fn a_quiet_service_may_retry_a_little_every_second() {
        let began = Instant::now();
        let budget = Budget::new(BudgetPolicy { percent: 20, per_second: 2, most: 10 }, began);
        let at = |seconds| began + Duration::from_secs(seconds);
        assert!(budget.withdraw(at(0)) && budget.withdraw(at(0)));
        assert!(!budget.withdraw(at(0)));
        assert!(budget.withdraw(at(1)));
    }

    proptest! {
        #[test]
        fn retries_never_exceed_what_requests_earned(policy in (0u32..200, 1u32..50), steps in prop::collection::vec(any::<bool>(), 0..500)) {
            let (percent, most) = policy;
            let now = Instant::now();
            let budget = Budget::new(BudgetPolicy { percent, per_second: 0, most }, now);
            let (mut requests, mut retries) = (0u64, 0u64);
            for is_request in steps {
                if is_request {
                    budget.deposit();
                    requests += 1;
                } else if budget.withdraw(now) {
                    retries += 1;
                }
            }
            prop_assert!(retries * 100 <= requests * u64::from(percent));
        }
    }
}

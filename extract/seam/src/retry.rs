//! What is tried again, and how often.
//!
//! Nothing is, unless a policy is given: a caller that keeps a saga or asks its user again knows better. A policy may
//! allow two things, each only while there is budget and time:
//!
//! - methods that the contract declares idempotent, when the outcome is unknown or the module could not serve;
//! - any method, when there was no connection, so that nothing was sent.
//!
//! A refusal is an answer and never tried again, nor is a call whose deadline has passed, or that cannot be sent or
//! understood: the same would happen.
//!
//! The budget is shared by all calls of a module, so that retries stay a small share of the load exactly when most calls
//! fail. That is how Finagle and linkerd do it; see [`Budget`].

mod budget;

use std::sync::Arc;
use std::time::Duration;

pub use budget::Budget;
use kernel_types::Executed;

use crate::{Reply, TransportError};

/// Pause before the first retry; doubles from one to the next, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// When a call is tried again. The default is never.
#[derive(Debug, Clone, Default)]
pub struct RetryPolicy {
    rules: Option<Rules>,
}

#[derive(Debug, Clone)]
struct Rules {
    budget: Arc<Budget>,
    most_retries: u32,
    connect_failures: bool,
}

/// One try that did not end well, or did.
pub(crate) struct Try<'a> {
    pub(crate) outcome: &'a Result<Reply, TransportError>,
    /// Whether the method is declared idempotent.
    pub(crate) idempotent: bool,
    /// Tries before this one.
    pub(crate) number: u32,
}

// === impl RetryPolicy ===

impl RetryPolicy {
    /// Tries nothing twice.
    pub fn none() -> Self {
        Self::default()
    }

    /// Tries idempotent methods again, at most twice each and within `budget`.
    pub fn idempotent(budget: Arc<Budget>) -> Self {
        Self { rules: Some(Rules { budget, most_retries: 2, connect_failures: false }) }
    }

    /// Also tries other methods again when there was no connection.
    pub fn and_connect_failures(self) -> Self {
        Self { rules: self.rules.map(|rules| Rules { connect_failures: true, ..rules }) }
    }

    /// Retries of one call at most `most` times.
    pub fn at_most(self, most: u32) -> Self {
        Self { rules: self.rules.map(|rules| Rules { most_retries: most, ..rules }) }
    }

    /// Counts a call: calls are what earns retries.
    pub(crate) fn called(&self) {
        if let Some(rules) = &self.rules {
            rules.budget.deposit();
        }
    }

    /// The pause after which a call is tried again, if it is. Takes from the budget then.
    pub(crate) fn after(&self, this: &Try<'_>, remaining: Duration) -> Option<Duration> {
        let rules = self.rules.as_ref()?;
        let worth_it = match this.outcome {
            Err(TransportError::NotConnected(_)) => this.idempotent || rules.connect_failures,
            Err(TransportError::Lost(_)) | Ok(Reply::Unavailable { .. }) => this.idempotent,
            Ok(reply @ Reply::Foreign { .. }) => this.idempotent && reply.executed() == Executed::Maybe,
            Ok(_) | Err(TransportError::NotSent(_) | TransportError::TimedOut { .. }) => false,
        };
        let pause = jittered(this.number);
        let may = worth_it && this.number < rules.most_retries && pause < remaining;
        (may && rules.budget.withdraw()).then_some(pause)
    }
}

/// Full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"), so that callers do not come back together.
fn jittered(number: u32) -> Duration {
    let most = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(number).unwrap_or(u32::MAX)).min(LONGEST_PAUSE);
    let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(fastrand::u64(0..=micros))
}

#[cfg(test)]
mod tests;

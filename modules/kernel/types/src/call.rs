//! What every call between modules carries, and how it can fail, in every placement.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::{Coded, Detail, ErrorCode, Principal, TraceContext};

/// Travels with every call of a contract's method, and is the first argument of each.
#[derive(Debug, Clone)]
pub struct CallContext {
    /// The caller stops waiting then; the callee must not begin work after it.
    pub deadline: Instant,
    /// Where in the trace the call is.
    pub trace: TraceContext,
    /// On whose behalf.
    pub caller: Caller,
    /// The public request's `Idempotency-Key`, if it had one.
    pub idempotency_key: Option<Arc<str>>,
}

/// On whose behalf a call is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A public client that did not log in.
    Anonymous,
    /// A user. The original token goes along so that the receiver can verify it again.
    User {
        /// What the token says.
        principal: Arc<Principal>,
        /// The access token itself.
        token: Arc<str>,
    },
    /// A module acting on its own: a worker, a saga. Owned when the name came over a wire.
    Module(Cow<'static, str>),
}

/// Whether a failed call may have had an effect. Only this decides whether a caller may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Executed {
    /// It never left, or was refused before anything was executed.
    No,
    /// It may have been executed in part or in full.
    Maybe,
}

/// How a call of a contract's method fails. Everything but [`CallError::Refused`] can happen in any placement, so that the
/// network is never a surprise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError<E> {
    /// The module answered: its contract's own error.
    #[error(transparent)]
    Refused(#[from] E),
    /// The module could not be reached or could not serve.
    #[error("the {module} module is unavailable")]
    Unavailable {
        /// Name of the module.
        module: &'static str,
        /// Whether it may have been executed all the same.
        executed: Executed,
    },
    /// No answer before the deadline.
    #[error("the {module} module did not answer in time")]
    TimedOut {
        /// Name of the module.
        module: &'static str,
        /// Whether it may have been executed all the same.
        executed: Executed,
    },
    /// The receiver does not own the module at the caller's epoch; nothing was executed.
    #[error("the {module} module is owned elsewhere, at epoch {owner_epoch}")]
    Misdirected {
        /// Name of the module.
        module: &'static str,
        /// The epoch the receiver knows.
        owner_epoch: u64,
    },
}

// === impl CallContext ===

impl CallContext {
    /// A call that `module` makes on its own, bounded by `timeout`.
    pub fn of_module(module: &'static str, timeout: Duration) -> Self {
        Self {
            deadline: Instant::now() + timeout,
            trace: TraceContext::start(),
            caller: Caller::Module(Cow::Borrowed(module)),
            idempotency_key: None,
        }
    }

    /// Time left before the deadline; zero once it has passed.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Passes if there is time left: what a callee asks before it begins.
    ///
    /// # Errors
    /// [`CallError::TimedOut`], not executed.
    pub fn refuse_late<E>(&self, module: &'static str) -> Result<(), CallError<E>> {
        if self.remaining().is_zero() {
            return Err(CallError::TimedOut { module, executed: Executed::No });
        }
        Ok(())
    }

    /// The user, if a user is asking.
    pub fn principal(&self) -> Option<&Principal> {
        match &self.caller {
            Caller::User { principal, .. } => Some(principal),
            Caller::Anonymous | Caller::Module(_) => None,
        }
    }
}

// === impl CallError ===

impl<E> CallError<E> {
    /// Whether the call may have had an effect. A refusal by the contract is a complete answer: it had none.
    pub fn executed(&self) -> Executed {
        match self {
            Self::Refused(_) | Self::Misdirected { .. } => Executed::No,
            Self::Unavailable { executed, .. } | Self::TimedOut { executed, .. } => *executed,
        }
    }

    /// The same failure with the contract's error changed.
    pub fn map_refused<F>(self, change: impl FnOnce(E) -> F) -> CallError<F> {
        match self {
            Self::Refused(error) => CallError::Refused(change(error)),
            Self::Unavailable { module, executed } => CallError::Unavailable { module, executed },
            Self::TimedOut { module, executed } => CallError::TimedOut { module, executed },
            Self::Misdirected { module, owner_epoch } => CallError::Misdirected { module, owner_epoch },
        }
    }
}

impl<E: Coded + 'static> Coded for CallError<E> {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Refused(error) => error.code(),
            Self::Unavailable { .. } | Self::Misdirected { .. } => ErrorCode::ModuleUnavailable,
            Self::TimedOut { .. } => ErrorCode::ModuleTimeout,
        }
    }

    fn details(&self) -> Vec<Detail> {
        match self {
            Self::Refused(error) => error.details(),
            Self::Unavailable { .. } | Self::Misdirected { .. } | Self::TimedOut { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unknown_outcome_may_have_been_executed() {
        let refused: CallError<&str> = CallError::Refused("no");
        assert_eq!(refused.executed(), Executed::No);
        let lost: CallError<&str> = CallError::TimedOut { module: "order", executed: Executed::Maybe };
        assert_eq!(lost.executed(), Executed::Maybe);
        let moved: CallError<&str> = CallError::Misdirected { module: "order", owner_epoch: 3 };
        assert_eq!(moved.executed(), Executed::No);
    }
}

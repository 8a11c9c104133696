//! How forwarding a request fails: who is to blame, and whether it may have been executed.
//!
//! The vocabulary is pingora's. The caller maps it to its own error object; only [`ProxyError::executed`] decides
//! whether a client is told to try again.

use std::time::Duration;

use kernel_types::Executed;

use crate::gate::Refused;

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The process the request was sent to.
    Upstream,
    /// Who sent the request.
    Client,
    /// This process.
    Internal,
}

/// Why a request was not answered by an upstream.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The request is ambiguous or not HTTP, and other servers might read it otherwise (RFC 9112 §11).
    #[error("the request is not valid: {0}")]
    BadRequest(&'static str),
    /// The body is longer than allowed.
    #[error("the body is longer than {limit} bytes")]
    BodyTooLarge {
        /// Most bytes allowed.
        limit: u64,
    },
    /// The header section is longer than allowed.
    #[error("the headers are longer than {limit} bytes")]
    HeadersTooLarge {
        /// Most bytes allowed.
        limit: usize,
    },
    /// The client ended or broke off before its body was complete.
    #[error("the body ended before it was complete")]
    ClientGone,
    /// The client paused for too long in its body.
    #[error("the body did not arrive in time")]
    ClientTooSlow,
    /// The request has come through here before.
    #[error("the request goes in a circle")]
    Loop,
    /// The gate did not let it in.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No instance is well.
    #[error("no instance of {target} is available")]
    NoInstance {
        /// The module or the prefix.
        target: String,
    },
    /// Every allowed connection to the upstream is busy.
    #[error("too many connections to {target}")]
    TooManyConnections {
        /// The module or the prefix.
        target: String,
    },
    /// No connection could be made.
    #[error("cannot connect to {url}")]
    Connect {
        /// The upstream.
        url: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The upstream did not answer before the deadline.
    #[error("{url} did not answer in time")]
    TimedOut {
        /// The upstream.
        url: String,
        /// Whether the request was on its way.
        executed: Executed,
    },
    /// The connection ended before an answer came.
    #[error("{url} closed the connection without an answer")]
    Closed {
        /// The upstream.
        url: String,
        /// Whether the request was on its way.
        executed: Executed,
        /// What was seen.
        source: hyper::Error,
    },
    /// What came is not an answer to what was asked.
    #[error("{url} gave no valid answer: {why}")]
    BadResponse {
        /// The upstream.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The upstream owns the module at another epoch (421); it executed nothing.
    #[error("{url} does not own the module at this epoch")]
    Misdirected {
        /// The upstream.
        url: String,
        /// The epoch it knows, if it said.
        owner_epoch: Option<u64>,
    },
    /// A mistake of ours.
    #[error("the request could not be forwarded: {0}")]
    Internal(&'static str),
}

/// What a client that was refused unexecuted should wait before it tries again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

// === impl ProxyError ===

impl ProxyError {
    /// Whose fault it is.
    pub fn who(&self) -> Who {
        match self {
            Self::BadRequest(_)
            | Self::BodyTooLarge { .. }
            | Self::HeadersTooLarge { .. }
            | Self::ClientGone
            | Self::ClientTooSlow => Who::Client,
            Self::Loop | Self::Refused(_) | Self::TooManyConnections { .. } | Self::Internal(_) => {
                Who::Internal
            }
            Self::NoInstance { .. }
            | Self::Connect { .. }
            | Self::TimedOut { .. }
            | Self::Closed { .. }
            | Self::BadResponse { .. }
            | Self::Misdirected { .. } => Who::Upstream,
        }
    }

    /// Whether the request may have been executed.
    pub fn executed(&self) -> Executed {
        match self {
            Self::TimedOut { executed, .. } | Self::Closed { executed, .. } => *executed,
            // The upstream may act on part of a body, or have acted before it answered nonsense.
            Self::ClientGone | Self::ClientTooSlow | Self::BodyTooLarge { .. } | Self::BadResponse { .. } => {
                Executed::Maybe
            }
            Self::BadRequest(_)
            | Self::HeadersTooLarge { .. }
            | Self::Loop
            | Self::Refused(_)
            | Self::NoInstance { .. }
            | Self::TooManyConnections { .. }
            | Self::Connect { .. }
            | Self::Misdirected { .. }
            | Self::Internal(_) => Executed::No,
        }
    }

    /// The status a client should see (RFC 9110 §15).
    pub fn status(&self) -> u16 {
        match self {
            Self::BadRequest(_) | Self::ClientGone => 400,
            Self::ClientTooSlow => 408,
            Self::BodyTooLarge { .. } => 413,
            Self::HeadersTooLarge { .. } => 431,
            Self::Internal(_) => 500,
            Self::Closed { .. } | Self::BadResponse { .. } => 502,
            Self::Refused(_)
            | Self::NoInstance { .. }
            | Self::TooManyConnections { .. }
            | Self::Connect { .. }
            | Self::Misdirected { .. } => 503,
            Self::TimedOut { .. } => 504,
            Self::Loop => 508,
        }
    }

    /// With every 503: when to try again.
    pub fn retry_after(&self) -> Option<Duration> {
        (self.status() == 503).then_some(RETRY_AFTER)
    }
}

//! How an encoded call gets to where its module runs.

use std::sync::Arc;

use bytes::Bytes;
use kernel_types::{CallContext, Executed};

use crate::Reply;

/// One try of a call, encoded.
#[derive(Debug, Clone)]
pub struct Request {
    /// Name of the module.
    pub module: &'static str,
    /// The contract version that the caller was built with.
    pub version: u32,
    /// Name of the method.
    pub method: &'static str,
    /// The epoch that the caller knows.
    pub epoch: u64,
    /// Deadline, trace (already the caller's own span), caller and idempotency key.
    pub context: CallContext,
    /// The request message as JSON.
    pub body: Bytes,
}

/// Takes requests to a module's server and brings its replies. Must not send a request twice by itself.
///
/// The stub ends a try at the call's deadline by dropping the future.
#[async_trait::async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends `request` and waits for the reply.
    ///
    /// # Errors
    /// Why there is none.
    async fn send(&self, request: Request) -> Result<Reply, TransportError>;
}

/// Why there is no reply. The texts are for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection was made: nothing was sent.
    #[error("cannot connect: {0}")]
    NotConnected(String),
    /// It cannot be sent as it is; another try would end the same.
    #[error("cannot be sent: {0}")]
    NotSent(String),
    /// It was sent, at least in part, and no whole reply came.
    #[error("no reply: {0}")]
    Lost(String),
    /// The deadline passed.
    #[error("the deadline passed")]
    TimedOut {
        /// Whether it may have been executed all the same.
        executed: Executed,
    },
}

#[async_trait::async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(&self, request: Request) -> Result<Reply, TransportError> {
        T::send(self, request).await
    }
}

// === impl TransportError ===

impl TransportError {
    /// Whether the call may have been executed.
    pub fn executed(&self) -> Executed {
        match self {
            Self::NotConnected(_) | Self::NotSent(_) => Executed::No,
            Self::Lost(_) => Executed::Maybe,
            Self::TimedOut { executed } => *executed,
        }
    }
}

//! A contract's remote half on the module's side, whatever brings the calls.

use std::sync::Arc;

use kernel_types::{CallContext, Executed};

use crate::wire::Metadata;
use crate::{Contract, Epoch, Handle, Reply};

/// One module, as it answers calls that come over a wire. Clones share it.
#[derive(Clone)]
pub struct Endpoint {
    module: &'static str,
    version: u32,
    epoch: Epoch,
    target: Arc<dyn Dispatch>,
}

/// A contract without its type.
#[async_trait::async_trait]
trait Dispatch: Send + Sync + 'static {
    async fn dispatch(&self, method: &str, context: CallContext, body: &[u8]) -> Reply;
}

#[async_trait::async_trait]
impl<C: ?Sized + Contract> Dispatch for Handle<C> {
    async fn dispatch(&self, method: &str, context: CallContext, body: &[u8]) -> Reply {
        match self.enter() {
            Ok(entered) => C::dispatch(&entered, method, context, body).await,
            Err(vacant) => Reply::of::<(), _>(Err(vacant)),
        }
    }
}

// === impl Endpoint ===

impl Endpoint {
    /// Answers with `target`, for calls of the epoch that `epoch` is at the time.
    pub fn of<C: ?Sized + Contract>(target: Arc<C>, epoch: Epoch) -> Self {
        Self::of_handle(Handle::to(target), epoch)
    }

    /// Answers with whatever is placed in `handle`; while nothing is, calls are refused.
    ///
    /// The handle should be placed locally: one that leads to another node makes this one a relay, and one that leads
    /// back here a circle, which only the deadline ends.
    pub fn of_handle<C: ?Sized + Contract>(handle: Handle<C>, epoch: Epoch) -> Self {
        Self { module: C::MODULE, version: C::VERSION, epoch, target: Arc::new(handle) }
    }

    /// Name of the module.
    pub fn module(&self) -> &'static str {
        self.module
    }

    /// The contract version that this node was built with.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The epoch at which this node serves the module.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Looks at what the headers say, before anything is decoded or executed: contract version, then epoch, then
    /// deadline.
    ///
    /// # Errors
    /// The reply that turns the call away.
    pub fn admit(&self, metadata: &Metadata) -> Result<(), Reply> {
        if metadata.version != self.version {
            log::error!(
                "a caller has version {} of the {} module's contract, this node has {}",
                metadata.version,
                self.module,
                self.version
            );
            return Err(Reply::Incompatible { version: self.version });
        }
        let owner_epoch = self.epoch.get();
        if metadata.epoch != owner_epoch {
            return Err(Reply::Misdirected { owner_epoch });
        }
        if metadata.deadline <= std::time::Instant::now() {
            return Err(Reply::TimedOut { executed: Executed::No });
        }
        Ok(())
    }

    /// Decodes and executes an admitted call. At its deadline it is dropped, as a local call is by its caller.
    pub async fn execute(&self, method: &str, context: CallContext, body: &[u8]) -> Reply {
        if context.remaining().is_zero() {
            return Reply::TimedOut { executed: Executed::No };
        }
        let deadline = context.deadline;
        let call = self.target.dispatch(method, context, body);
        match tokio::time::timeout_at(deadline.into(), call).await {
            Ok(reply) => reply,
            Err(_elapsed) => Reply::TimedOut { executed: Executed::Maybe },
        }
    }
}

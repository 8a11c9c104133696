//! The runners: where a contract's module is while its test body runs.

use std::sync::Arc;
use std::time::Duration;

use kernel::CallContext;
use kernel::store::StoreUrl;
use seam::faulty::{Fault, Faults, Faulty};
use seam::http::HttpTransport;
use seam::{Budget, Contract, Endpoint, Epoch, Handle, Loopback, RetryPolicy, Stub, Transport};

use crate::node::{Node, tokens};

/// The epoch at which modules are served; `contract-node` has the same.
pub const EPOCH: u64 = 7;

/// Where the module is, and what comes between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// In this process, called directly.
    Local,
    /// In this process, every message encoded and decoded.
    Encoded,
    /// In another process over the same store.
    Process,
    /// Encoded, and every request comes late.
    Delayed,
    /// Encoded, and every request arrives twice.
    Duplicated,
    /// Encoded, and of two requests one is lost or its reply is. Idempotent methods are tried again.
    Dropped,
}

/// A contract, placed by a runner.
pub struct Place<C: ?Sized> {
    /// What callers hold.
    pub handle: Handle<C>,
    /// The epoch that calls carry; a local call carries none.
    pub epoch: Option<Epoch>,
    /// What goes wrong.
    pub faults: Faults,
    node: Option<Node>,
}

/// Defines the tests of one contract: its body under every runner.
macro_rules! under_every_runner {
    ($body:path) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn local() {
            $body($crate::runner::Runner::Local).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn forced_encode_and_decode() {
            $body($crate::runner::Runner::Encoded).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn separate_process() {
            $body($crate::runner::Runner::Process).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn every_request_delayed() {
            $body($crate::runner::Runner::Delayed).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn every_request_duplicated() {
            $body($crate::runner::Runner::Duplicated).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn every_other_request_or_reply_dropped() {
            $body($crate::runner::Runner::Dropped).await;
        }
    };
}

pub(crate) use under_every_runner;

/// A context that no test outlives.
pub fn context() -> CallContext {
    CallContext::of_module("test", Duration::from_secs(20))
}

// === impl Runner ===

impl Runner {
    /// Places `module`, whose store is at `store`.
    pub fn place<C: ?Sized + Contract>(self, module: Arc<C>, store: &StoreUrl) -> Place<C> {
        self.place_handle(Handle::to(module), store, true)
    }

    /// The same, with nothing placed where the module should be.
    pub fn vacant<C: ?Sized + Contract>(self, store: &StoreUrl) -> Place<C> {
        let place = self.place_handle(Handle::vacant(), store, false);
        place.faults.calm();
        place
    }

    fn place_handle<C: ?Sized + Contract>(
        self,
        local: Handle<C>,
        store: &StoreUrl,
        placed: bool,
    ) -> Place<C> {
        let faults = Faults::none();
        if self == Self::Local {
            return Place { handle: local, epoch: None, faults, node: None };
        }
        let epoch = Epoch::new(EPOCH);
        let (transport, node): (Arc<dyn Transport>, _) = if self == Self::Process {
            let node = Node::start(C::MODULE, store, placed);
            let client = seam::http::client().expect("a client can be made");
            (Arc::new(HttpTransport::new(client, node.base(), tokens())), Some(node))
        } else {
            let endpoint = Endpoint::of_handle(local, Epoch::new(EPOCH));
            (Arc::new(Faulty::new(Loopback::to(endpoint), faults.clone())), None)
        };
        faults.cycle(&self.faults());
        let stub = Stub::<C>::new(transport, epoch.clone());
        let stub = if self == Self::Dropped { stub.retrying(generous()) } else { stub };
        Place { handle: Handle::to(C::remote(stub)), epoch: Some(epoch), faults, node }
    }

    fn faults(self) -> Vec<Option<Fault>> {
        match self {
            Self::Local | Self::Encoded | Self::Process => Vec::new(),
            Self::Delayed => vec![Some(Fault::Delay(Duration::from_millis(20)))],
            Self::Duplicated => vec![Some(Fault::Duplicate)],
            Self::Dropped => vec![Some(Fault::DropReply), None, Some(Fault::DropRequest), None],
        }
    }
}

// === impl Place ===

impl<C: ?Sized> Place<C> {
    /// Kills the process that the module runs in.
    pub fn kill(&mut self) {
        drop(self.node.take().expect("it runs in a process of its own"));
    }
}

/// Retries that a test never runs out of.
pub fn generous() -> RetryPolicy {
    RetryPolicy::idempotent(Arc::new(Budget::new(100, 1000, 1000)))
}

//! The modules that a node answers for.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::Endpoint;

/// Endpoints by the names of their modules. Clones share them; looking one up takes no lock.
#[derive(Clone, Default)]
pub struct Registry {
    served: Arc<ArcSwap<HashMap<&'static str, Endpoint>>>,
}

// === impl Registry ===

impl Registry {
    /// From now on calls of the endpoint's module are answered by it.
    pub fn serve(&self, endpoint: Endpoint) {
        self.served.rcu(|served| {
            let mut served = HashMap::clone(served);
            served.insert(endpoint.module(), endpoint.clone());
            served
        });
    }

    /// From now on calls of `module` are refused, not executed. Calls that run go on.
    pub fn withdraw(&self, module: &str) {
        self.served.rcu(|served| {
            let mut served = HashMap::clone(served);
            served.remove(module);
            served
        });
    }

    /// The endpoint of `module`, if it is served here.
    pub fn find(&self, module: &str) -> Option<Endpoint> {
        self.served.load().get(module).cloned()
    }
}

//! What home tells its nodes, and they tell home.

use std::collections::BTreeMap;

use handover::{NodeId, OperationId};
use kernel::store::{InvalidStoreUrl, Place, StoreUrl};
use serde::{Deserialize, Serialize};

/// Audience of the tokens for these calls.
pub(crate) const AUDIENCE: &str = "control";

/// A node introduces itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Join {
    /// Its name.
    pub(crate) node: NodeId,
    /// Where it answers.
    pub(crate) url: String,
    /// What it hosts, with the versions of the contracts.
    pub(crate) modules: BTreeMap<String, u32>,
    /// The program's version.
    pub(crate) version: String,
    /// Whether home started it.
    pub(crate) spawned: bool,
    /// Number of its process, on its machine.
    pub(crate) pid: u32,
}

/// A node says what it follows, and waits for what is newer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Follow {
    /// Its name.
    pub(crate) node: NodeId,
    /// Where it answers: two processes may go by one name for a moment.
    pub(crate) url: String,
    /// Number of its process, on its machine.
    pub(crate) pid: u32,
    /// The generation that it follows; 0 before it follows any.
    pub(crate) generation: u64,
}

/// Home asks a node to end.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stop {
    /// This one.
    pub(crate) node: NodeId,
}

/// Home tells a node where it answers now.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Moved {
    /// This one.
    pub(crate) node: NodeId,
    /// There.
    pub(crate) url: String,
}

/// Where the modules are to be called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Directory {
    /// Raised with every change.
    pub(crate) generation: u64,
    /// Where clients reach the shop: what links and webhooks begin with.
    pub(crate) public_url: String,
    /// Where the nodes that take calls for a module answer, by the module's name; home takes them for all others.
    pub(crate) callees: BTreeMap<String, Vec<String>>,
    /// Whose the modules' stores are. One that is not listed is in its first epoch, and has never moved.
    pub(crate) stores: BTreeMap<String, Assigned>,
}

/// Whose a module's store is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Assigned {
    /// The period of ownership.
    pub(crate) epoch: u64,
    /// Where it is; `None` for the one that each process is configured with.
    pub(crate) store: Option<String>,
    /// The only nodes that may open it; `None` if every process may.
    pub(crate) owners: Option<Vec<NodeId>>,
    /// Whether calls wait, because it changes hands.
    pub(crate) parked: bool,
    /// For how long calls that are inside may be waited for while others wait, in milliseconds.
    #[serde(default)]
    pub(crate) budget_ms: u64,
    /// Where it goes.
    pub(crate) next: Option<Next>,
}

/// Where a store goes: those who will own it open it before they do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Next {
    /// Under this handover.
    pub(crate) handover: OperationId,
    /// Of the owner to be.
    pub(crate) epoch: u64,
    /// Where it will be.
    pub(crate) store: String,
    /// Who will own it; none for home.
    pub(crate) nodes: Vec<NodeId>,
}

// === impl Directory ===

impl Directory {
    /// Whose the store of `module` is.
    pub(crate) fn assigned(&self, module: &str) -> Assigned {
        let first =
            || Assigned { epoch: 1, store: None, owners: None, parked: false, budget_ms: 0, next: None };
        self.stores.get(module).cloned().unwrap_or_else(first)
    }
}

// === impl Assigned ===

impl Assigned {
    /// How `node`, which is configured with the store at `configured`, opens it. `None` if it may not.
    ///
    /// # Errors
    /// When home names a place that is none.
    pub(crate) fn place(
        &self,
        node: NodeId,
        configured: &StoreUrl,
    ) -> Result<Option<Place>, InvalidStoreUrl> {
        if self.owners.as_ref().is_some_and(|owners| !owners.contains(&node)) {
            return Ok(None);
        }
        let url = self.store.as_ref().map_or_else(|| Ok(configured.clone()), |store| store.parse())?;
        Ok(Some(Place { url, epoch: self.epoch }))
    }
}

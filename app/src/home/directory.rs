//! What home tells its nodes, and they tell home.

use std::collections::BTreeMap;

use handover::NodeId;
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
}

/// A node says what it follows, and waits for what is newer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Follow {
    /// Its name.
    pub(crate) node: NodeId,
    /// The generation that it follows.
    pub(crate) generation: u64,
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
    /// The epochs of the modules' stores.
    pub(crate) epochs: BTreeMap<String, u64>,
}

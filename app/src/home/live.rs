//! What home sees of its nodes now. Nothing of it is kept over a restart: a node tells it again within seconds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use handover::{Node, NodeId};

/// A node that said nothing for so long is taken for dead.
const SILENCE: Duration = Duration::from_secs(5);

/// For so long it is believed that a node that could serve can.
const READY: Duration = Duration::from_millis(500);

/// The nodes that spoke to this process.
#[derive(Default)]
pub(crate) struct Live {
    heard: Mutex<HashMap<NodeId, Heard>>,
    waiting: Mutex<HashMap<NodeId, Waiting>>,
    /// Since when nodes have not answered that were told where home is.
    told: Mutex<HashMap<NodeId, Instant>>,
}

/// What a node said last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    /// When.
    pub(crate) at: Instant,
    /// Number of its process.
    pub(crate) pid: u32,
    /// The generation of the route table that it follows.
    pub(crate) generation: u64,
    /// When it last said that it can serve.
    ready: Option<Instant>,
}

/// A process that was started in the place of a node's. It gets that when it can serve.
struct Waiting {
    node: Node,
    pid: u32,
    /// When it spoke last.
    at: Instant,
}

impl Live {
    /// A node spoke.
    pub(crate) fn hear(&self, node: NodeId, pid: u32, generation: u64) {
        let mut heard = lock(&self.heard);
        // Of another process nothing is known but what it says.
        let ready = heard.get(&node).filter(|heard| heard.pid == pid).and_then(|heard| heard.ready);
        heard.insert(node, Heard { at: Instant::now(), pid, generation, ready });
        lock(&self.told).remove(&node);
    }

    /// A node that waited for news is still there, unless it was sent away meanwhile.
    pub(crate) fn hear_on(&self, node: NodeId, pid: u32) {
        if let Some(heard) = lock(&self.heard).get_mut(&node).filter(|heard| heard.pid == pid) {
            heard.at = Instant::now();
        }
    }

    /// The node said that it can serve.
    pub(crate) fn note_ready(&self, node: NodeId) {
        if let Some(heard) = lock(&self.heard).get_mut(&node) {
            heard.ready = Some(Instant::now());
        }
    }

    /// Whether it said so just now.
    pub(crate) fn was_ready(&self, node: NodeId) -> bool {
        lock(&self.heard).get(&node).and_then(|heard| heard.ready).is_some_and(|at| at.elapsed() < READY)
    }

    /// What the node said last, if it is not silent.
    pub(crate) fn heard(&self, node: NodeId) -> Option<Heard> {
        lock(&self.heard).get(&node).copied().filter(|heard| heard.at.elapsed() < SILENCE)
    }

    /// The nodes that are not silent and do not follow `generation` yet.
    pub(crate) fn behind(&self, generation: u64) -> Vec<NodeId> {
        let behind = |heard: &Heard| heard.generation < generation && heard.at.elapsed() < SILENCE;
        lock(&self.heard).iter().filter(|(_, heard)| behind(heard)).map(|(node, _)| *node).collect()
    }

    /// Whether the node follows `generation`.
    pub(crate) fn follows(&self, node: NodeId, generation: u64) -> bool {
        self.heard(node).is_some_and(|heard| heard.generation >= generation)
    }

    /// Another process is about to take a node's place.
    pub(crate) fn wait(&self, node: Node, pid: u32) {
        lock(&self.waiting).insert(node.id, Waiting { node, pid, at: Instant::now() });
    }

    /// The process that is about to take the node's place, if it is not silent.
    pub(crate) fn waiting(&self, node: NodeId) -> Option<(Node, u32)> {
        let waiting = lock(&self.waiting);
        let waiting = waiting.get(&node).filter(|waiting| waiting.at.elapsed() < SILENCE)?;
        Some((waiting.node.clone(), waiting.pid))
    }

    /// It has taken it.
    pub(crate) fn took_place(&self, node: NodeId) {
        lock(&self.waiting).remove(&node);
    }

    /// Since when a node has not introduced itself that runs and was told, which is now if it is told for the first time.
    pub(crate) fn told(&self, node: NodeId) -> Instant {
        *lock(&self.told).entry(node).or_insert_with(Instant::now)
    }

    /// A node is gone for good.
    pub(crate) fn forget(&self, node: NodeId) {
        lock(&self.heard).remove(&node);
        lock(&self.waiting).remove(&node);
        lock(&self.told).remove(&node);
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

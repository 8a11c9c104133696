//! What home sees of its nodes now. Nothing of it is kept over a restart: a node tells it again within seconds.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use handover::NodeId;

/// A node that said nothing for so long is taken for dead.
const SILENCE: Duration = Duration::from_secs(5);

/// For so long it is believed that a node that could serve can.
const READY: Duration = Duration::from_millis(500);

/// The nodes that spoke to this process.
#[derive(Default)]
pub(crate) struct Live(Mutex<HashMap<NodeId, Heard>>);

/// What a node said last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    /// When.
    pub(crate) at: Instant,
    /// The generation of the route table that it follows.
    pub(crate) generation: u64,
    /// When it last said that it can serve.
    ready: Option<Instant>,
}

impl Live {
    /// A node spoke.
    pub(crate) fn hear(&self, node: NodeId, generation: u64) {
        let mut heard = self.lock();
        let ready = heard.get(&node).and_then(|heard| heard.ready);
        heard.insert(node, Heard { at: Instant::now(), generation, ready });
    }

    /// A node that waited for news is still there, unless it was sent away meanwhile.
    pub(crate) fn hear_on(&self, node: NodeId) {
        if let Some(heard) = self.lock().get_mut(&node) {
            heard.at = Instant::now();
        }
    }

    /// The node said that it can serve.
    pub(crate) fn note_ready(&self, node: NodeId) {
        if let Some(heard) = self.lock().get_mut(&node) {
            heard.ready = Some(Instant::now());
        }
    }

    /// Whether it said so just now.
    pub(crate) fn was_ready(&self, node: NodeId) -> bool {
        self.lock().get(&node).and_then(|heard| heard.ready).is_some_and(|at| at.elapsed() < READY)
    }

    /// What the node said last, if it is not silent.
    pub(crate) fn heard(&self, node: NodeId) -> Option<Heard> {
        self.lock().get(&node).copied().filter(|heard| heard.at.elapsed() < SILENCE)
    }

    /// The nodes that are not silent and do not follow `generation` yet.
    pub(crate) fn behind(&self, generation: u64) -> Vec<NodeId> {
        let behind = |heard: &Heard| heard.generation < generation && heard.at.elapsed() < SILENCE;
        self.lock().iter().filter(|(_, heard)| behind(heard)).map(|(node, _)| *node).collect()
    }

    /// Whether the node follows `generation`.
    pub(crate) fn follows(&self, node: NodeId, generation: u64) -> bool {
        self.heard(node).is_some_and(|heard| heard.generation >= generation)
    }

    /// A node is gone for good.
    pub(crate) fn forget(&self, node: NodeId) {
        self.lock().remove(&node);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<NodeId, Heard>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Where requests of one module or one prefix can be sent.

use std::sync::Arc;
use std::time::Instant;

use crate::balance;
use crate::retry::Budget;
use crate::upstream::{Attempt, Upstream};

/// Upstreams that serve the same, and how they are to be asked.
#[derive(Debug)]
pub(crate) struct Target {
    /// A module or a prefix, for messages.
    pub(crate) name: String,
    /// Of a module; a foreign application has none.
    pub(crate) epoch: Option<u64>,
    pub(crate) upstreams: Vec<Arc<Upstream>>,
    pub(crate) budget: Arc<Budget>,
    /// What is taken off the path.
    pub(crate) strip: Option<String>,
    pub(crate) preserve_host: bool,
}

// === impl Target ===

impl Target {
    /// Chooses an upstream and begins a request to it. `avoid` is the key of one that just failed, for when there is another.
    pub(crate) fn begin(&self, avoid: Option<u64>, now: Instant) -> Option<Attempt> {
        let usable = |upstream: &Arc<Upstream>| upstream.is_usable(now);
        let other = |upstream: &Arc<Upstream>| Some(upstream.key) != avoid && upstream.is_usable(now);
        let cost = |upstream: &Arc<Upstream>| upstream.load.cost(now);
        // A breaker may open, or give its one probe to another, between the choice and the beginning.
        for _ in 0..self.upstreams.len().min(3) {
            let chosen = balance::pick(&self.upstreams, other, cost);
            let chosen = chosen.or_else(|| balance::pick(&self.upstreams, usable, cost))?;
            if let Some(attempt) = chosen.begin(now) {
                return Some(attempt);
            }
        }
        None
    }
}

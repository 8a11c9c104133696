//! The nodes that home starts itself: those that are needed run, those that are not end.
//!
//! Looked at in every round of the driver, not only when an operation ends: a process may introduce itself after it was
//! given up, and home may die before it has ended a node.

use std::time::Duration;

use handover::{ControlError, Node, NodeId};

use super::{AUDIENCE, Home, Moved};
use crate::host::ModuleName;

/// How long a node that runs, or may run, is waited for after it was told where home is. It answers its clients meanwhile, so
/// there is no hurry to end it: one that takes longer is stuck, or of a version that cannot join.
const INTRODUCTION: Duration = Duration::from_secs(10);
/// How long a node may take to show that it runs.
const ANSWER: Duration = Duration::from_millis(500);

impl Home {
    /// Starts nodes of ours that are needed and have died, and ends those that nothing needs.
    pub(super) async fn look_after_nodes(&self) -> Result<(), ControlError> {
        if self.inner.urls.get().is_none() {
            return Ok(());
        }
        let placements = self.inner.control.placements().await?;
        let running = self.inner.control.running().await?;
        for node in self.inner.control.nodes().await?.iter().filter(|node| node.spawned) {
            let placed = placements.modules.iter().map(|(module, placed)| (module, &placed.nodes));
            let going = running.iter().map(|operation| (&operation.module, &operation.nodes));
            let moving = placements.handovers.iter().flat_map(|(module, handover)| {
                [(module, &handover.plan.source.nodes), (module, &handover.plan.target.nodes)]
            });
            let mut needed = placed.chain(going).chain(moving);
            let nth = |nodes: &Vec<NodeId>| nodes.iter().position(|needed| *needed == node.id);
            match needed.find_map(|(module, nodes)| Some((module, nth(nodes)?))) {
                Some((module, nth)) => self.keep(node, module, nth).await,
                // One without an address was never started: it was written down for an operation that is about to begin.
                None if node.url.is_empty() => {}
                None => self.end(node).await?,
            }
        }
        Ok(())
    }

    /// `nth` counts from 0 among the instances of the module.
    async fn keep(&self, node: &Node, module: &str, nth: usize) {
        let (Some(urls), Some(module)) = (self.inner.urls.get(), ModuleName::find(module)) else { return };
        let (live, spawner) = (&self.inner.live, &self.inner.spawner);
        let waiting = live.waiting(node.id).map(|(_, pid)| pid);
        let pid = waiting.or_else(|| live.heard(node.id).map(|heard| heard.pid));
        match pid {
            // What it said just before it died counts no longer.
            Some(pid) if spawner.has_ended(node.id, pid) => live.forget(node.id),
            Some(_) => return,
            None => {}
        }
        // Started by a home before this one, and it may well run: two processes would be one too many.
        if !spawner.knows(node.id) && !node.url.is_empty() && self.may_run(node, &urls.local).await {
            if live.heard(node.id).is_some() || live.told(node.id).elapsed() < INTRODUCTION {
                return;
            }
            log::warn!("node {} runs and does not join, another one takes its place", node.id);
            self.stop_node(node).await;
        }
        if let Err(error) = self.inner.spawner.start(&urls.local, node.id, module, nth) {
            log::error!("the node for the {module} module: {error:#}");
        }
    }

    async fn end(&self, node: &Node) -> Result<(), ControlError> {
        self.stop_node(node).await;
        self.inner.control.forget(node.id).await?;
        self.inner.live.forget(node.id);
        Ok(())
    }

    /// Tells a node where home is, so that it introduces itself. Says whether there is a process that listens there.
    async fn may_run(&self, node: &Node, home: &str) -> bool {
        let Ok(token) = self.inner.tokens.mint(AUDIENCE) else { return true };
        let told = self.inner.client.post(format!("{}/_internal/control/home", node.url)).bearer_auth(token);
        let moved = Moved { node: node.id, url: home.to_owned() };
        let told = told.json(&moved).timeout(ANSWER).send().await;
        // One that has no time to answer runs all the same.
        told.map_or_else(|error| error.is_timeout() || !error.is_connect(), |_answer| true)
    }
}

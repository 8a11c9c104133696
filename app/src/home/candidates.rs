//! Where a module can go: what stands against taking it out, and the nodes that an order names.

use handover::{Node, NodeId};
use kernel::Timestamp;
use kernel::http::ApiError;

use super::Home;
use super::admin::refused;
use super::internal::{contract_version, failed};
use crate::host::ModuleName;

/// Most nodes that host a module.
const MOST_INSTANCES: usize = router::table::MAX_INSTANCES;
/// Most processes that home starts for a module: they share one machine.
const MOST_SPAWNED: u8 = 8;

impl Home {
    /// What stands against taking the module out now.
    pub(super) async fn against(&self, module: ModuleName) -> Result<Vec<String>, ApiError> {
        let mut reasons = Vec::new();
        let placements = self.inner.control.placements().await.map_err(failed)?;
        if let Some(placed) =
            placements.modules.get(module.as_str()).filter(|placed| !placed.nodes.is_empty())
        {
            let nodes: Vec<&str> = placed.nodes.iter().map(NodeId::as_str).collect();
            reasons.push(format!("{module} is out already, at node {}; absorb it first", nodes.join(", ")));
        }
        let running = self.inner.control.running().await.map_err(failed)?;
        if let Some(running) = running.iter().find(|running| running.module == module.as_str()) {
            reasons.push(format!(
                "an operation on {module} is running: {}; wait for it or roll it back",
                running.id
            ));
        }
        if let Some(running) = placements.handovers.get(module.as_str()) {
            let (id, state) = (running.id, running.state.name());
            reasons.push(match running.state.rests() {
                true => format!(
                    "the handover {id} of {module} is {state}: end it with `banyan complete {module}`"
                ),
                false => {
                    format!("a handover of {module} is running: {id} is {state}; wait for it or roll it back")
                }
            });
        }
        match self.inner.host.module(module) {
            None => reasons.push(format!("{module} is not in the home process")),
            Some(here) => {
                if let Err(error) = here.ready().await {
                    reasons.push(format!("the store of {module} does not answer: {error}"));
                }
            }
        }
        Ok(reasons)
    }

    /// The nodes that answer at `urls` and host the module.
    pub(super) async fn all_joined(
        &self,
        urls: &[String],
        module: ModuleName,
    ) -> Result<Vec<NodeId>, ApiError> {
        if urls.len() > MOST_INSTANCES {
            return Err(refused(format!("at most {MOST_INSTANCES} nodes can host a module")));
        }
        let mut nodes = Vec::new();
        for url in urls {
            let node = self.joined(url.trim_end_matches('/'), module).await?;
            if nodes.contains(&node) {
                return Err(refused(format!("the node at {url} is named twice")));
            }
            nodes.push(node);
        }
        Ok(nodes)
    }

    /// A node that answers at `url` and hosts the module.
    async fn joined(&self, url: &str, module: ModuleName) -> Result<NodeId, ApiError> {
        let nodes = self.inner.control.nodes().await.map_err(failed)?;
        let node = nodes.into_iter().find(|node| node.url == url).ok_or_else(|| {
            refused(format!(
                "no node has joined from {url}; start one with `banyan serve --modules {module} --home {}`",
                self.public_url()
            ))
        })?;
        if !node.modules.contains_key(module.as_str()) {
            return Err(refused(format!("the node at {url} does not host {module}")));
        }
        if self.inner.live.heard(node.id).is_none() {
            return Err(refused(format!("the node at {url} has not been heard of for a while")));
        }
        Ok(node.id)
    }

    /// Writes down nodes that are going to be started.
    pub(super) async fn to_spawn(&self, module: ModuleName, instances: u8) -> Result<Vec<NodeId>, ApiError> {
        if !(1..=MOST_SPAWNED).contains(&instances) {
            return Err(refused(format!("home starts 1 to {MOST_SPAWNED} instances of a module")));
        }
        let mut nodes = Vec::new();
        for _ in 0..instances {
            nodes.push(self.one_to_spawn(module).await?);
        }
        Ok(nodes)
    }

    async fn one_to_spawn(&self, module: ModuleName) -> Result<NodeId, ApiError> {
        let node = Node {
            id: NodeId::new(),
            url: String::new(),
            modules: [(module.as_str().to_owned(), contract_version(module))].into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            spawned: true,
            registered_at: Timestamp::now(),
        };
        let id = node.id;
        self.inner.control.register(node).await.map_err(failed)?;
        Ok(id)
    }
}

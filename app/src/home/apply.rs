//! Makes router, callers and workers look as it was decided.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handover::{ControlError, Kind, Node, Operation, Placed, Verdict};
use router::Table;
use router::table::{Instance, Percent, Placement, Shadow};
use router::verdict::{self, Bounds};
use seam::http::HttpTransport;
use seam::{Epoch, Retired, Spread};
use tokio::task::JoinHandle;

use super::{Assigned, Directory, Home};
use crate::host::ModuleName;

/// How long what was entered before may take to leave.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers that must have been compared before the comparison decides.
const COMPARED: u64 = 20;

/// What was made so last.
#[derive(Default)]
pub(super) struct Applied {
    generation: Option<u64>,
    /// Placements of callers that were retired and have not ended.
    leaving: Vec<(ModuleName, JoinHandle<bool>)>,
}

impl Home {
    /// Makes everything look as the control store says, if it does not yet.
    pub(super) async fn apply(&self) -> Result<(), ControlError> {
        let placements = self.inner.control.placements().await?;
        let mut applied = self.inner.applied.lock().await;
        applied.leaving.retain(|(_, leaving)| !leaving.is_finished());
        if applied.generation == Some(placements.generation) {
            return Ok(());
        }
        // Read after the placements: never older than they are.
        let nodes = self.inner.control.nodes().await?;
        // One that was never started answers nowhere yet.
        let instances = |placed: &Placed| -> Vec<&Node> {
            nodes.iter().filter(|node| placed.nodes.contains(&node.id) && !node.url.is_empty()).collect()
        };
        let before = self.inner.directory.borrow().clone();
        let mut table = Table { generation: placements.generation, ..self.inner.foreign.clone() };
        let mut directory = Directory {
            generation: table.generation,
            public_url: self.public_url().to_owned(),
            callees: BTreeMap::new(),
            stores: BTreeMap::new(),
        };
        for (name, placed) in &placements.modules {
            let owners = placed.moved.then(|| placed.nodes.clone());
            let assigned = Assigned { epoch: placed.epoch, store: placed.store.clone(), owners };
            directory.stores.insert(name.clone(), assigned);
            if let Some(endpoint) = self.inner.registry.find(name) {
                endpoint.epoch().advance_to(placed.epoch);
            }
            let instances = instances(placed);
            table.modules.insert(name.clone(), placement(placed, &instances));
            if placed.callers_remote {
                let urls = instances.iter().map(|node| node.url.clone());
                directory.callees.insert(name.clone(), urls.collect());
            }
        }
        if let Err(error) = self.inner.router.install(table) {
            log::error!("the route table cannot be taken over, will try again: {error}");
            return Ok(());
        }
        for module in ModuleName::ALL {
            let (was, is) = (before.callees.get(module.as_str()), directory.callees.get(module.as_str()));
            if was != is {
                let retired = match is {
                    Some(urls) => Some(self.call_at(module, urls, directory.assigned(module.as_str()).epoch)),
                    None => self.inner.host.call_here(module),
                };
                if let Some(retired) = retired {
                    let leaving = retired.drained(Instant::now() + PATIENCE);
                    applied.leaving.push((module, tokio::spawn(leaving)));
                }
            }
            let away = placements.modules.get(module.as_str()).is_some_and(|placed| placed.workers_remote);
            if away {
                let host = self.inner.host.clone();
                let stopping = async move {
                    host.stop_work(module, Instant::now() + PATIENCE).await;
                    true
                };
                applied.leaving.push((module, tokio::spawn(stopping)));
            } else {
                self.inner.host.start_work(module);
            }
        }
        self.inner.directory.send_replace(directory);
        applied.generation = Some(placements.generation);
        Ok(())
    }

    fn call_at(&self, module: ModuleName, urls: &[String], epoch: u64) -> Retired {
        let inner = &self.inner;
        let transports =
            urls.iter().map(|url| HttpTransport::new(inner.client.clone(), url, inner.tokens.clone()));
        let transport = Spread::new(transports);
        inner.host.call_at(module, Arc::new(transport), Epoch::new(epoch))
    }

    /// Whether every node follows what was decided last, and what was entered before it has left.
    pub(super) async fn is_settled(&self, module: ModuleName) -> bool {
        let generation = self.inner.directory.borrow().generation;
        let mut applied = self.inner.applied.lock().await;
        applied.leaving.retain(|(_, leaving)| !leaving.is_finished());
        let callers_left = !applied.leaving.iter().any(|(leaving, _)| *leaving == module);
        callers_left && self.inner.live.all_follow(generation)
    }

    /// Whether every node at the other end of the operation takes requests for the module.
    pub(super) async fn nodes_are_ready(
        &self,
        operation: &Operation,
        module: ModuleName,
    ) -> Result<bool, ControlError> {
        let known = self.inner.control.nodes().await?;
        for id in &operation.nodes {
            let Some(node) = known.iter().find(|node| node.id == *id) else { return Ok(false) };
            if !self.node_is_ready(node, module).await {
                return Ok(false);
            }
        }
        Ok(!operation.nodes.is_empty())
    }

    async fn node_is_ready(&self, node: &Node, module: ModuleName) -> bool {
        if !node.modules.contains_key(module.as_str()) || self.inner.live.heard(node.id).is_none() {
            return false;
        }
        // It is looked at far more often than it changes.
        if self.inner.live.was_ready(node.id) {
            return true;
        }
        let asked = self.inner.client.get(format!("{}/readyz", node.url)).timeout(Duration::from_secs(2));
        let ready = asked.send().await.is_ok_and(|answer| answer.status().is_success());
        if ready {
            self.inner.live.note_ready(node.id);
        }
        ready
    }

    /// How the place that the module goes to does, compared with the one that it comes from.
    pub(super) fn verdict(&self, module: ModuleName, kind: Kind) -> Verdict {
        if kind == Kind::Absorb {
            // On the way home the node is not the candidate, and home was good enough before.
            return Verdict::Pass;
        }
        let stats = self.inner.router.stats();
        let Some(stats) = stats.iter().find(|stats| stats.module == module.as_str()) else {
            return Verdict::Wait;
        };
        judged(verdict::verdict(&stats.remote, &stats.local, &Bounds::default()))
    }

    /// Whether the node answers copied requests as home does.
    pub(super) fn compared(&self, module: ModuleName) -> Verdict {
        judged(self.inner.router.shadow_report(module.as_str()).verdict(COMPARED))
    }
}

fn judged(verdict: verdict::Verdict) -> Verdict {
    match verdict {
        verdict::Verdict::Pass => Verdict::Pass,
        verdict::Verdict::Wait => Verdict::Wait,
        verdict::Verdict::Fail(reason) => Verdict::Fail(reason),
    }
}

fn placement(placed: &Placed, nodes: &[&Node]) -> Placement {
    let instances = nodes
        .iter()
        .filter_map(|node| Some(Instance { id: node.id.to_string(), url: node.url.parse().ok()? }));
    let instances: Vec<Instance> = instances.collect();
    Placement {
        epoch: placed.epoch,
        weight: Percent::try_from(if instances.is_empty() { 0 } else { placed.weight }).unwrap_or_default(),
        shadow: Percent::try_from(placed.shadow_percent)
            .ok()
            .filter(|_| placed.shadow_percent > 0 && !instances.is_empty())
            .map(|percent| Shadow { percent }),
        instances,
        parked: false,
    }
}

//! Makes router, callers and workers look as it was decided.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use handover::{ControlError, Handover, Kind, Node, Operation, OperationId, Placed, Placements, Verdict};
use kernel::store::Place;
use router::Table;
use router::table::{Instance, Percent, Placement, Shadow};
use router::verdict::{self, Bounds};
use tokio::task::JoinHandle;

use super::{Assigned, Directory, Home, Next};
use crate::exit::Failure;
use crate::host::{Calls, ModuleName, To, Wire};

/// How long what was entered before may take to leave.
const PATIENCE: Duration = Duration::from_secs(30);

/// Answers that must have been compared before the comparison decides.
const COMPARED: u64 = 20;

/// What was made so last.
#[derive(Default)]
pub(super) struct Applied {
    generation: Option<u64>,
    calls: Calls,
    /// Placements of callers that were retired and have not ended.
    leaving: Vec<(ModuleName, JoinHandle<bool>)>,
    /// Background work that was stopped and has not ended.
    stopping: Vec<(ModuleName, JoinHandle<()>)>,
}

impl Home {
    /// Makes everything look as the control store says, if it does not yet.
    pub(super) async fn apply(&self) -> Result<(), ControlError> {
        let placements = self.inner.control.placements().await?;
        let mut applied = self.inner.applied.lock().await;
        applied.leaving.retain(|(_, leaving)| !leaving.is_finished());
        applied.stopping.retain(|(_, stopping)| !stopping.is_finished());
        if applied.generation == Some(placements.generation) {
            return Ok(());
        }
        // Read after the placements: never older than they are.
        let nodes = self.inner.control.nodes().await?;
        let (table, directory) = self.drawn(&placements, &nodes);
        // What this process owns, or is about to, is open before the first request comes. One that cannot be opened does not keep the
        // others where they were: the fence refuses what comes to it.
        let mut all_open = true;
        for module in ModuleName::ALL {
            if let Err(error) = self.open_own(module, &placements).await {
                log::error!("the store of {module} cannot be opened, will try again: {error}");
                all_open = false;
            }
        }
        if let Err(error) = self.inner.router.install(table) {
            log::error!("the route table cannot be taken over, will try again: {error}");
            return Ok(());
        }
        if applied.generation.is_none() {
            self.release_unparked(&placements);
        }
        for module in ModuleName::ALL {
            self.send_calls(&mut applied, module, &directory);
        }
        self.inner.directory.send_replace(directory);
        for module in ModuleName::ALL {
            self.move_work(&mut applied, module, &placements);
        }
        if all_open {
            applied.generation = Some(placements.generation);
        }
        Ok(())
    }

    /// Lets requests in that were told to wait when the process started, if nothing is parked by now.
    fn release_unparked(&self, placements: &Placements) {
        for module in ModuleName::ALL {
            let handover = placements.handovers.get(module.as_str());
            if !handover.is_some_and(|handover| handover.state.parks()) {
                self.inner.router.release(module.as_str());
            }
        }
    }

    /// The placements as router and nodes are told them.
    fn drawn(&self, placements: &Placements, nodes: &[Node]) -> (Table, Directory) {
        let mut table = Table { generation: placements.generation, ..self.inner.foreign.clone() };
        let mut directory = Directory {
            generation: table.generation,
            public_url: self.public_url().to_owned(),
            callees: BTreeMap::new(),
            stores: BTreeMap::new(),
        };
        for (name, placed) in &placements.modules {
            let handover = placements.handovers.get(name);
            let parked = handover.is_some_and(|handover| handover.state.parks());
            let budget_ms = handover.map_or(0, |handover| handover.plan.max_pause_ms / 2);
            // One that was never started answers nowhere yet.
            let instances: Vec<&Node> =
                nodes.iter().filter(|node| placed.nodes.contains(&node.id) && !node.url.is_empty()).collect();
            table.modules.insert(name.clone(), placement(placed, &instances, parked));
            let assigned = Assigned {
                epoch: placed.epoch,
                store: placed.store.clone(),
                // While it changes hands it is its owner's alone.
                owners: (placed.moved || handover.is_some()).then(|| placed.nodes.clone()),
                parked,
                budget_ms,
                next: handover.and_then(next),
            };
            directory.stores.insert(name.clone(), assigned);
            if let Some(endpoint) = self.inner.registry.find(name) {
                endpoint.epoch().advance_to(placed.epoch);
            }
            if placed.callers_remote {
                let urls = instances.iter().map(|node| node.url.clone());
                directory.callees.insert(name.clone(), urls.collect());
            }
        }
        (table, directory)
    }

    /// Opens the module's store if it is this process's, or is about to be.
    async fn open_own(&self, module: ModuleName, placements: &Placements) -> Result<(), Failure> {
        match self.own_place(module, placements)? {
            Some((place, under)) => self.inner.host.attach(module, Some(place), under).await,
            None => Ok(()),
        }
    }

    /// Where this process has the module's store open, and under which handover if that has not ended.
    fn own_place(
        &self,
        module: ModuleName,
        placements: &Placements,
    ) -> Result<Option<(Place, Option<OperationId>)>, Failure> {
        let wrong = |error| Failure::Config(format!("the store of {module}: {error}"));
        let handover = placements.handovers.get(module.as_str());
        if let Some(next) = handover.and_then(next).filter(|next| next.nodes.is_empty()) {
            let url = next.store.parse().map_err(wrong)?;
            return Ok(Some((Place { url, epoch: next.epoch }, Some(next.handover))));
        }
        let placed = placements.modules.get(module.as_str());
        if placed.is_some_and(|placed| placed.moved) {
            return Ok(None);
        }
        let url = match placed.and_then(|placed| placed.store.as_ref()) {
            Some(store) => store.parse().map_err(wrong)?,
            None => self.inner.config.store_url(module.as_str()).map_err(Failure::Config)?,
        };
        Ok(Some((Place { url, epoch: placed.map_or(1, |placed| placed.epoch) }, None)))
    }

    fn send_calls(&self, applied: &mut Applied, module: ModuleName, directory: &Directory) {
        let assigned = directory.assigned(module.as_str());
        let to = match directory.callees.get(module.as_str()) {
            _ if assigned.parked => To::Wait,
            Some(urls) => To::At(urls.clone(), assigned.epoch),
            None => To::Here(assigned.epoch),
        };
        let wire = Wire { client: &self.inner.client, tokens: &self.inner.tokens };
        if let Some(retired) = applied.calls.send(&self.inner.host, &wire, module, to) {
            let leaving = retired.drained(Instant::now() + PATIENCE);
            applied.leaving.push((module, tokio::spawn(leaving)));
        }
    }

    /// Starts the module's background work here, or ends it; and gives up a store that is not this process's any more. While requests
    /// wait to enter, work goes on: those that are inside may wait for it.
    fn move_work(&self, applied: &mut Applied, module: ModuleName, placements: &Placements) {
        let placed = placements.modules.get(module.as_str());
        let handover = placements.handovers.get(module.as_str());
        let parked = handover.is_some_and(|handover| handover.state.parks());
        let away = placed.is_some_and(|placed| placed.workers_remote || placed.moved);
        if !away {
            return self.inner.host.start_work(module);
        }
        let before = self.inner.host.module(module).and_then(|here| here.store().place());
        let gone = placed.is_some_and(|placed| placed.moved) && !parked && handover.and_then(next).is_none();
        let host = self.inner.host.clone();
        let stopping = async move {
            host.stop_work(module, Instant::now() + PATIENCE).await;
            if gone {
                host.give_up(module, before).await;
            }
        };
        applied.stopping.push((module, tokio::spawn(stopping)));
    }

    /// Whether every node follows what was decided last, and what was entered before it has left.
    pub(super) async fn is_settled(&self, module: ModuleName) -> bool {
        let mut applied = self.inner.applied.lock().await;
        applied.stopping.retain(|(_, stopping)| !stopping.is_finished());
        let stopped = !applied.stopping.iter().any(|(stopping, _)| *stopping == module);
        drop(applied);
        stopped && self.is_followed(module).await
    }

    /// Whether every node follows what was decided last, and every call that was entered before it has ended.
    pub(super) async fn is_followed(&self, module: ModuleName) -> bool {
        let generation = self.inner.directory.borrow().generation;
        let mut applied = self.inner.applied.lock().await;
        applied.leaving.retain(|(_, leaving)| !leaving.is_finished());
        let callers_left = !applied.leaving.iter().any(|(leaving, _)| *leaving == module);
        callers_left && self.inner.live.behind(generation).is_empty()
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

    pub(super) async fn node_is_ready(&self, node: &Node, module: ModuleName) -> bool {
        if !node.modules.contains_key(module.as_str()) || self.inner.live.heard(node.id).is_none() {
            return false;
        }
        // It is looked at far more often than it changes.
        if self.inner.live.was_ready(node.id) {
            return true;
        }
        let asked = format!("{}/readyz?module={module}", node.url);
        let asked = self.inner.client.get(asked).timeout(Duration::from_secs(2));
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

/// Where a module goes whose new owner opens its store before it owns it.
fn next(handover: &Handover) -> Option<Next> {
    handover.state.warms().then(|| Next {
        handover: handover.id,
        epoch: handover.target_epoch(),
        store: handover.plan.target.store.clone(),
        nodes: handover.plan.target.nodes.clone(),
    })
}

fn placement(placed: &Placed, nodes: &[&Node], parked: bool) -> Placement {
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
        parked,
    }
}

//! What is where, and how it does.

use handover::{ControlError, NodeId};
use kernel::Timestamp;
use router::shadow::Report;
use serde::{Deserialize, Serialize};

use super::{HandoverView, Home, OperationView};
use crate::host::ModuleName;

/// Entries of the audit log that are shown.
const ENTRIES: u32 = 20;

/// What is where.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Where clients reach the shop.
    pub(crate) url: String,
    /// Of the route table.
    pub(crate) generation: u64,
    pub(crate) modules: Vec<ModuleStatus>,
    pub(crate) nodes: Vec<NodeStatus>,
    /// The newest entries of the audit log, newest first.
    pub(crate) audit: Vec<AuditLine>,
}

/// One module.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ModuleStatus {
    pub(crate) name: String,
    /// `home`, `node`, or `both` while traffic is split.
    pub(crate) placement: String,
    pub(crate) epoch: u64,
    /// The nodes that it is on.
    pub(crate) nodes: Vec<NodeId>,
    /// Percent of traffic at the nodes.
    pub(crate) weight: u8,
    /// Requests, failures and latency at home since the last change.
    pub(crate) home: Traffic,
    /// The same at the nodes together.
    pub(crate) away: Traffic,
    /// What was found when reads were last copied to a node.
    pub(crate) shadow: Option<Compared>,
    /// The last operation.
    pub(crate) operation: Option<OperationView>,
    /// The handover that has not ended.
    pub(crate) handover: Option<HandoverView>,
    /// URL of its store, if it is not the one that each process is configured with.
    pub(crate) store: Option<String>,
}

/// How a node's answers to copied reads compare with home's.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Compared {
    pub(crate) compared: u64,
    /// Left out because too many waited.
    pub(crate) dropped: u64,
    /// Left out because they were too long, or home did not answer twice.
    pub(crate) skipped: u64,
    /// The node did not answer.
    pub(crate) unreachable: u64,
    /// Where they differ more often than by themselves.
    pub(crate) differences: Vec<String>,
}

/// How requests went.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Traffic {
    pub(crate) requests: u64,
    /// Answered 5xx.
    pub(crate) errors: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

/// One node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NodeStatus {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) modules: Vec<String>,
    pub(crate) version: String,
    pub(crate) spawned: bool,
    /// Whether it was heard of lately.
    pub(crate) alive: bool,
    /// The generation that it follows.
    pub(crate) generation: Option<u64>,
}

/// An entry of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AuditLine {
    pub(crate) at: Timestamp,
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) module: Option<String>,
    pub(crate) details: String,
}

impl Home {
    /// What is where.
    pub(super) async fn status(&self) -> Result<Status, ControlError> {
        let placements = self.inner.control.placements().await?;
        let latest = self.inner.control.latest().await?;
        let stats = self.inner.router.stats();
        let modules = ModuleName::ALL.into_iter().map(|module| {
            let seen = stats.iter().find(|stats| stats.module == module.as_str());
            let placed = placements.modules.get(module.as_str());
            let weight = placed.map_or(0, |placed| placed.weight);
            let operation = latest.iter().find(|operation| operation.module == module.as_str());
            ModuleStatus {
                name: module.as_str().to_owned(),
                placement: match weight {
                    0 => "home",
                    100 => "node",
                    _ => "both",
                }
                .to_owned(),
                epoch: placed.map_or(1, |placed| placed.epoch),
                nodes: placed.map(|placed| placed.nodes.clone()).unwrap_or_default(),
                weight,
                home: seen.map(|seen| Traffic::of(&seen.local)).unwrap_or_default(),
                away: seen.map(|seen| Traffic::of(&seen.remote)).unwrap_or_default(),
                shadow: Compared::of(&self.inner.router.shadow_report(module.as_str())),
                operation: operation.map(OperationView::of),
                handover: placements.handovers.get(module.as_str()).map(|running| self.view(running)),
                store: placed.and_then(|placed| placed.store.clone()),
            }
        });
        let modules = modules.collect();
        let nodes = self.inner.control.nodes().await?.into_iter().map(|node| {
            let heard = self.inner.live.heard(node.id);
            NodeStatus {
                id: node.id.to_string(),
                url: node.url,
                modules: node.modules.into_keys().collect(),
                version: node.version,
                spawned: node.spawned,
                alive: heard.is_some(),
                generation: heard.map(|heard| heard.generation),
            }
        });
        let nodes = nodes.collect();
        let audit = self.inner.control.audit_log(ENTRIES).await?.into_iter().map(|entry| AuditLine {
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            module: entry.module,
            details: entry.details,
        });
        Ok(Status {
            url: self.public_url().to_owned(),
            generation: self.inner.directory.borrow().generation,
            modules,
            nodes,
            audit: audit.collect(),
        })
    }
}

impl Compared {
    fn of(report: &Report) -> Option<Self> {
        (*report != Report::default()).then(|| Self {
            compared: report.compared,
            dropped: report.dropped,
            skipped: report.skipped,
            unreachable: report.unreachable,
            differences: report.mismatches().map(|(place, _)| place.to_owned()).collect(),
        })
    }
}

impl Traffic {
    fn of(seen: &router::Summary) -> Self {
        Self { requests: seen.requests, errors: seen.errors, p50_us: seen.p50_us, p99_us: seen.p99_us }
    }
}

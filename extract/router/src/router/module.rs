//! One module: its gate, where it runs now, and how it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwapOption;

use crate::gate::Gate;
use crate::retry::Budget;
use crate::settings::Settings;
use crate::stats::{Stats, Summary};
use crate::table::{Percent, Placement};
use crate::target::Target;
use crate::upstream::Upstream;

#[derive(Debug)]
pub(super) struct Module {
    pub(super) name: String,
    pub(super) gate: Arc<Gate>,
    /// Whether it has instances: read before the route.
    pub(super) is_out: AtomicBool,
    pub(super) route: ArcSwapOption<Route>,
    pub(super) budget: Arc<Budget>,
    pub(super) local: Stats,
    pub(super) remote: Stats,
    /// Sum of the shadow's percentage over the requests that were asked about.
    pub(super) sampled: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Route {
    pub(super) weight: Percent,
    pub(super) shadow: Percent,
    pub(super) target: Arc<Target>,
}

/// How a module does.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ModuleStats {
    /// The module.
    pub module: String,
    /// Answered in this process.
    pub local: Summary,
    /// Answered by its instances.
    pub remote: Summary,
    /// Requests that hold a permit.
    pub inside: u64,
    /// Requests that wait for a release.
    pub waiting: usize,
    /// Its instances.
    pub instances: Vec<InstanceStats>,
}

/// How an instance does.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct InstanceStats {
    /// Its id.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// What the checks say.
    pub healthy: bool,
    /// Whether the breaker keeps requests from it.
    pub broken: bool,
    /// Requests that it has not answered in full.
    pub in_flight: u32,
}

// === impl Module ===

impl Module {
    pub(super) fn new(name: &str, settings: &Settings) -> Self {
        Self {
            name: name.to_owned(),
            gate: Gate::new(settings.gate),
            is_out: AtomicBool::new(false),
            route: ArcSwapOption::empty(),
            budget: Arc::new(Budget::new(settings.retries, Instant::now())),
            local: Stats::default(),
            remote: Stats::default(),
            sampled: AtomicU64::new(0),
        }
    }

    pub(super) fn install(&self, placement: &Placement, was_parked: bool, settings: &Settings) {
        if placement.parked && !was_parked {
            self.gate.park();
        }
        let known = self.upstreams();
        let upstreams: Vec<_> = placement
            .instances
            .iter()
            .map(|instance| {
                let same = known.iter().find(|known| known.id == instance.id && known.url == instance.url);
                let health = Some(settings.health.path.clone());
                same.cloned()
                    .unwrap_or_else(|| Upstream::new(&instance.id, &instance.url, health, settings.breaker))
            })
            .collect();
        let is_out = !upstreams.is_empty();
        let route = is_out.then(|| {
            let target = Arc::new(Target {
                name: self.name.clone(),
                epoch: Some(placement.epoch),
                upstreams,
                budget: Arc::clone(&self.budget),
                strip: None,
                preserve_host: true,
            });
            let shadow = placement.shadow.map_or(Percent::ZERO, |shadow| shadow.percent);
            Arc::new(Route { weight: placement.weight, shadow, target })
        });
        self.route.store(route);
        self.is_out.store(is_out, Ordering::Release);
        if was_parked && !placement.parked {
            self.gate.release();
        }
    }

    pub(super) fn upstreams(&self) -> Vec<Arc<Upstream>> {
        self.route.load().as_ref().map(|route| route.target.upstreams.clone()).unwrap_or_default()
    }

    pub(super) fn stats(&self) -> ModuleStats {
        let instances = self.upstreams();
        let instances = instances.iter().map(|upstream| InstanceStats {
            id: upstream.id.clone(),
            url: upstream.url.to_string(),
            healthy: upstream.is_healthy(),
            broken: !upstream.is_closed(),
            in_flight: upstream.load.in_flight(),
        });
        ModuleStats {
            module: self.name.clone(),
            local: self.local.summary(),
            remote: self.remote.summary(),
            inside: self.gate.inside(),
            waiting: self.gate.waiting_count(),
            instances: instances.collect(),
        }
    }
}

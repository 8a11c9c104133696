//! What goes on beside requests: health checks and the comparison of placements.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Router;
use crate::health;
use crate::shadow::{Candidate, Primary, Report, Sample};

// === impl Router ===

impl Router {
    /// Whether this GET or HEAD request to `module` is to be copied to its instances: one of as many as the table says.
    pub fn is_shadowed(&self, module: &str) -> bool {
        let Some((_, module)) = self.find(module) else { return false };
        if !module.is_out.load(Ordering::Acquire) {
            return false;
        }
        let percent = module.route.load().as_ref().map_or(0, |route| u64::from(route.shadow.get()));
        // Evenly: of a hundred in a row exactly so many.
        percent > 0 && module.sampled.fetch_add(percent, Ordering::Relaxed) % 100 + percent >= 100
    }

    /// Asks every upstream how it is, for ever. The caller runs it as a task.
    pub async fn watch_health(&self) {
        let mut tick = tokio::time::interval(self.settings.health.interval);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let mut upstreams = Vec::new();
            for module in &self.modules {
                upstreams.extend(module.upstreams());
            }
            for (_, target) in &self.installed.load_full().prefixes {
                upstreams.extend(target.upstreams.iter().cloned());
            }
            health::round(upstreams, &self.settings.health).await;
        }
    }

    /// Compares what was answered here with what the module's instances would answer, some time later. Drops what is too
    /// much, and counts it.
    pub fn shadow(&self, sample: Sample) {
        self.shadows.offer(sample);
    }

    /// What the comparison of a module found.
    pub fn shadow_report(&self, module: &str) -> Report {
        self.shadows.report(module)
    }

    /// Begins a new comparison.
    pub fn clear_shadow(&self, module: &str) {
        self.shadows.clear(module);
    }

    /// Makes the comparisons, for ever. The caller runs it as a task; a second one ends at once.
    pub async fn watch_shadows(&self, primary: Primary) {
        self.shadows.work(&primary, |module| self.candidate(module)).await;
    }

    /// A random instance. Also one that is ill: that it does not answer is what the report must say.
    fn candidate(&self, module: &str) -> Option<Candidate> {
        let (_, module) = self.find(module)?;
        let route = module.route.load();
        let target = &route.as_ref()?.target;
        let upstream = fastrand::choice(&target.upstreams)?;
        Some(Candidate { upstream: Arc::clone(upstream), epoch: target.epoch? })
    }
}

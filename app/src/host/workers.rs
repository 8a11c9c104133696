//! The modules' background work, which can be stopped and started module by module.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use kernel::worker::Worker;

use super::{Host, ModuleName};

/// The work that runs now.
#[derive(Default)]
pub(super) struct Workers(Mutex<BTreeMap<ModuleName, Vec<Worker>>>);

impl Host {
    /// Starts a module's background work, unless it runs or the module is not here.
    pub(crate) fn start_work(&self, module: ModuleName) {
        if let Some(hosted) = self.module(module) {
            let mut running = self.workers.lock();
            running.entry(module).or_insert_with(|| hosted.start());
        }
    }

    /// Ends a module's background work and gives up its leases, so that another process need not wait for them to run out. Says
    /// whether there was any.
    pub(crate) async fn stop_work(&self, module: ModuleName, deadline: Instant) -> bool {
        let stopped = self.workers.lock().remove(&module);
        let Some(workers) = stopped else { return false };
        for worker in workers {
            worker.stop(deadline).await;
        }
        if let Some(hosted) = self.module(module) {
            hosted.release().await;
        }
        true
    }
}

impl Workers {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<ModuleName, Vec<Worker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Putting a table in force.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::Router;
use crate::retry::Budget;
use crate::table::{InvalidTable, Placement, Prefix, Table};
use crate::target::Target;
use crate::upstream::Upstream;

#[derive(Debug)]
pub(super) struct Installed {
    pub(super) table: Table,
    /// The longest path first.
    pub(super) prefixes: Vec<(Prefix, Arc<Target>)>,
}

/// Why a table was not installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstallError {
    /// It is wrong by itself.
    #[error(transparent)]
    Invalid(#[from] InvalidTable),
    /// It names a module that this process does not route.
    #[error("there is no module {0}")]
    UnknownModule(String),
    /// It is older than what is in force.
    #[error("generation {offered} is older than {installed}, which is in force")]
    Stale {
        /// Of the table.
        offered: u64,
        /// In force.
        installed: u64,
    },
    /// It has the number of the one in force and is another.
    #[error("generation {0} is in force with other content")]
    Conflict(u64),
}

// === impl Router ===

impl Router {
    /// Puts a table in force.
    ///
    /// # Errors
    /// See [`InstallError`]; then nothing has changed.
    pub fn install(&self, table: Table) -> Result<(), InstallError> {
        let _one_at_a_time = self.installing.lock().unwrap_or_else(PoisonError::into_inner);
        table.check()?;
        if let Some(unknown) = table.modules.keys().find(|name| self.find(name).is_none()) {
            return Err(InstallError::UnknownModule(unknown.clone()));
        }
        let old = self.installed.load_full();
        let (offered, installed) = (table.generation, old.table.generation);
        if offered < installed {
            return Err(InstallError::Stale { offered, installed });
        }
        if offered == installed && installed > 0 {
            return if table == old.table { Ok(()) } else { Err(InstallError::Conflict(offered)) };
        }
        let none = Placement::default();
        for module in &self.modules {
            let placement = table.modules.get(&module.name).unwrap_or(&none);
            let was_parked = old.table.modules.get(&module.name).is_some_and(|placement| placement.parked);
            module.install(placement, was_parked, &self.settings);
        }
        let prefixes = self.compile_prefixes(&table, &old);
        self.has_prefixes.store(!prefixes.is_empty(), Ordering::Release);
        self.installed.store(Arc::new(Installed { table, prefixes }));
        Ok(())
    }

    fn compile_prefixes(&self, table: &Table, old: &Installed) -> Vec<(Prefix, Arc<Target>)> {
        let compile = |prefix: &Prefix| {
            let known =
                old.prefixes.iter().find(|(known, _)| known.path == prefix.path).map(|(_, target)| target);
            let upstreams = prefix.upstream.iter().map(|url| {
                let same = known.and_then(|target| {
                    target
                        .upstreams
                        .iter()
                        .find(|upstream| upstream.url == *url && upstream.health_path == prefix.health)
                });
                let new = || Upstream::new(&prefix.path, url, prefix.health.clone(), self.settings.breaker);
                same.cloned().unwrap_or_else(new)
            });
            let new_budget = || Arc::new(Budget::new(self.settings.retries, Instant::now()));
            let target = Target {
                name: prefix.path.clone(),
                epoch: None,
                upstreams: upstreams.collect(),
                budget: known.map_or_else(new_budget, |target| Arc::clone(&target.budget)),
                strip: prefix.strip.then(|| prefix.trimmed().to_owned()),
                preserve_host: prefix.preserve_host,
            };
            (prefix.clone(), Arc::new(target))
        };
        let mut prefixes: Vec<_> = table.prefixes.iter().map(compile).collect();
        prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.trimmed().len()));
        prefixes
    }
}

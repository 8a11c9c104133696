//! What an operator is shown of handovers that run.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use handover::sqlite::{Pair, Progress};
use handover::{Handover, OperationId, State};
use kernel::store::StoreError;
use serde::{Deserialize, Serialize};

use super::paths;
use crate::home::Home;

/// What an operator is shown of a handover that runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// Bytes that were copied, or rows that were compared.
    pub(crate) done: u64,
    /// Of so many; 0 while changes are brought over.
    pub(crate) total: u64,
    /// Bytes or rows that were copied, compared or brought over in a second.
    pub(crate) rate: u64,
    /// Until it is done, in milliseconds.
    pub(crate) eta_ms: Option<u64>,
    /// Changes that were still to be brought over.
    pub(crate) lag: u64,
    /// For how long requests have been waiting, in milliseconds, if they are.
    pub(crate) waiting_ms: Option<u64>,
    /// What keeps it from going on.
    pub(crate) trouble: Option<String>,
    /// When this was measured first, for the rate.
    #[serde(skip)]
    pub(super) since: Option<Instant>,
    /// Whether the trouble is with the control store.
    #[serde(skip)]
    unwritten: bool,
    /// Since when requests have been waiting.
    #[serde(skip)]
    waiting_since: Option<Instant>,
}

impl Home {
    pub(super) fn no_trouble(&self, handover: &Handover) {
        if let Some(shown) = self.shown().get_mut(&handover.id) {
            shown.trouble = None;
        }
    }

    pub(super) fn trouble(&self, handover: &Handover, why: &str) {
        self.shown().entry(handover.id).or_default().trouble = Some(why.to_owned());
    }

    /// A step could not be written down, or what is known of it read; or it could.
    pub(super) fn control_store(&self, id: OperationId, failed: Option<&StoreError>) {
        let mut all = self.shown();
        if let Some(error) = failed {
            let shown = all.entry(id).or_default();
            shown.trouble = Some(format!("the control store failed, which is tried again: {error}"));
            shown.unwritten = true;
        } else if let Some(shown) = all.get_mut(&id).filter(|shown| shown.unwritten) {
            (shown.trouble, shown.unwritten) = (None, false);
        }
    }

    /// Requests begin to wait, or wait no longer.
    pub(super) fn requests_wait(&self, handover: &Handover, wait: bool) {
        self.shown().entry(handover.id).or_default().waiting_since = wait.then(Instant::now);
    }

    /// What is shown of one.
    pub(in crate::home) fn shown_of(&self, id: OperationId) -> Shown {
        let mut shown = self.shown().get(&id).cloned().unwrap_or_default();
        let waiting = shown.waiting_since.map(|since| since.elapsed().as_millis());
        shown.waiting_ms = waiting.map(|waiting| u64::try_from(waiting).unwrap_or(u64::MAX));
        shown
    }

    /// What is shown of handovers.
    pub(in crate::home) fn shown(&self) -> MutexGuard<'_, BTreeMap<OperationId, Shown>> {
        self.inner.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn progress(&self, handover: &Handover, progress: Progress) {
        let mut all = self.shown();
        let shown = all.entry(handover.id).or_default();
        let since = *shown.since.get_or_insert_with(Instant::now);
        shown.done = progress.done;
        shown.total = progress.total;
        let millis = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        shown.rate = progress.done.saturating_mul(1000) / millis;
        let left = progress.total.saturating_sub(progress.done);
        shown.eta_ms = left.saturating_mul(1000).checked_div(shown.rate);
    }

    pub(super) fn show_copy(&self, handover: &Handover) {
        if let (State::Copying, Ok((source, target))) = (handover.state, paths(handover)) {
            self.progress(handover, Pair::copied(&source, &target));
        }
    }
}

//! What is seen of a handover: the stores, whoever is to own the target, and how it does.

use std::time::{Duration, Instant};

use handover::sqlite::Pair;
use handover::{ControlError, Handover, NodeId, Sight, State, StoreSeen, Verdict};

use super::{Moving, on_pair};
use crate::home::Home;
use crate::host::ModuleName;

/// For so long a comparison holds. Rows that change are compared as they are brought; this is for all others.
const COMPARISON_HOLDS: Duration = Duration::from_secs(15 * 60);
/// A node that does not follow after so long is waited for no longer.
const LATE: Duration = Duration::from_secs(5);
/// Requests after which the error rate of a watched target means something, and the rate that is too much, in percent.
const WATCHED: (u64, u64) = (20, 5);

impl Home {
    pub(super) async fn look_at(
        &self,
        handover: &Handover,
        moving: &mut Moving,
    ) -> Result<Sight, ControlError> {
        let (source, target) = match on_pair(handover, moving, Pair::look).await {
            Ok(seen) => seen,
            Err(why) => {
                self.trouble(handover, &why);
                (StoreSeen::Unreadable, StoreSeen::Unreadable)
            }
        };
        let verified = match moving.compared_at {
            Some(at) if at.elapsed() < COMPARISON_HOLDS => {
                on_pair(handover, moving, Pair::is_verified).await.unwrap_or(false)
            }
            _ => false,
        };
        let module = ModuleName::find(&handover.module);
        let (mut ready, mut followed) = (true, true);
        if let Some(module) = module {
            if matches!(handover.state, State::CatchingUp | State::Verified) {
                let why = self.not_ready(handover, module).await?;
                ready = why.is_none();
                match why {
                    Some(why) => {
                        self.trouble(handover, &why);
                        moving.unready_since.get_or_insert_with(Instant::now);
                    }
                    None if moving.unready_since.take().is_some() => self.no_trouble(handover),
                    None => {}
                }
            }
            if matches!(handover.state, State::Sealing | State::Drained) {
                // Only what is known here: there is no time to ask.
                ready = !handover.plan.target.nodes.iter().any(|node| self.is_dead(*node));
            }
            if matches!(handover.state, State::Activated | State::Reopening) {
                // What goes back needs nobody but its owner, which must have been heard of. Nobody is needed for good: what a node
                // sends that knows the old place is refused there.
                let late = match handover.state {
                    State::Reopening => self.late(&handover.plan.source.nodes),
                    _ if self.is_followed(module).await => None,
                    _ => {
                        Some(self.who_is_behind().unwrap_or("calls that were inside did not end".to_owned()))
                    }
                };
                followed = late.is_none() || moving.lasted(handover) > LATE;
                if let (false, Some(late)) = (followed, late) {
                    self.trouble(handover, &late);
                }
            }
        }
        let most = Duration::from_millis(handover.plan.max_pause_ms);
        Ok(Sight {
            source,
            target,
            holds: moving.parked_at.is_some(),
            // What is still to be done after the point of no return takes time, too.
            overdue: moving.parked_at.is_some_and(|at| at.elapsed() > most.mul_f32(0.8)),
            fit: moving.fit,
            ready,
            close: moving.close,
            verified,
            proved: moving.proved,
            followed,
            unready: moving.unready_since.map_or(Duration::ZERO, |since| since.elapsed()),
            lasted: moving.lasted(handover),
            verdict: self.watched(handover),
        })
    }

    /// Why whoever is to own the target cannot serve yet; `None` if it can.
    async fn not_ready(
        &self,
        handover: &Handover,
        module: ModuleName,
    ) -> Result<Option<String>, ControlError> {
        if !handover.plan.target.is_home() {
            // They were told to open it when the state before was entered; until they have, they may have something else open.
            let generation = self.inner.directory.borrow().generation;
            let follows = |node: &NodeId| self.inner.live.follows(*node, generation);
            let late = handover.plan.target.nodes.iter().find(|node| !follows(node));
            if let (Some(late), State::CatchingUp) = (late, handover.state) {
                return Ok(Some(format!("node {late}, which is to own it, has not opened it yet")));
            }
            let ready = self.all_ready(&handover.plan.target.nodes, module).await?;
            return Ok((!ready).then(|| "a node that is to own it is not ready".to_owned()));
        }
        let Some(here) = self.inner.host.module(module) else {
            return Ok(Some("home was built without it".to_owned()));
        };
        match here.store().place() {
            Some(place) if place.epoch == handover.target_epoch() => {
                Ok(here.ready().await.err().map(|error| format!("home cannot read the store: {error}")))
            }
            other => Ok(Some(format!("home has another store open: {other:?}"))),
        }
    }

    /// Whether the node's process has ended, or has been silent for long.
    fn is_dead(&self, node: NodeId) -> bool {
        match self.inner.live.heard(node) {
            Some(heard) => self.inner.spawner.has_ended(node, heard.pid),
            None => true,
        }
    }

    /// Who of these nodes does not follow what was decided last, as a sentence.
    fn late(&self, nodes: &[NodeId]) -> Option<String> {
        let generation = self.inner.directory.borrow().generation;
        let late = nodes.iter().find(|node| !self.inner.live.follows(**node, generation))?;
        Some(format!("node {late}, whose it is, does not follow"))
    }

    fn watched(&self, handover: &Handover) -> Verdict {
        let stats = self.inner.router.stats();
        let Some(stats) = stats.iter().find(|stats| stats.module == handover.module) else {
            return Verdict::Wait;
        };
        let seen = if handover.plan.target.is_home() { &stats.local } else { &stats.remote };
        let (least, percent) = WATCHED;
        match seen.requests {
            requests if requests < least => Verdict::Wait,
            requests if seen.errors.saturating_mul(100) > requests.saturating_mul(percent) => {
                Verdict::Fail(format!("{} of {requests} requests failed at the new place", seen.errors))
            }
            _ => Verdict::Pass,
        }
    }

    async fn all_ready(&self, nodes: &[NodeId], module: ModuleName) -> Result<bool, ControlError> {
        let known = self.inner.control.nodes().await?;
        for id in nodes {
            let Some(node) = known.iter().find(|node| node.id == *id) else { return Ok(false) };
            if !self.node_is_ready(node, module).await {
                return Ok(false);
            }
        }
        Ok(!nodes.is_empty())
    }
}

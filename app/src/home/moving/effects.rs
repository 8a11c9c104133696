//! What changes the stores.

use std::time::{Duration, Instant};

use handover::sqlite::{Applied, Pair};
use handover::{Audit, Base, ControlError, Effect, Facts, Handover, Kind, MovePlan, OperationId, State};
use kernel::Timestamp;
use tokio::sync::oneshot;

use super::{Done, Failed, GLANCE, Moving, Worked, on_pair};
use crate::home::Home;
use crate::host::ModuleName;

/// Niceness (POSIX `nice`) of the thread that compares stores: requests go first.
const COMPARES: i32 = 10;

impl Home {
    /// Makes it so.
    pub(super) async fn perform(
        &self,
        effect: Effect,
        handover: &mut Handover,
        moving: &mut Moving,
    ) -> Result<Done, Failed> {
        if let Some(failed) = moving.failed_work.take() {
            return Err(failed);
        }
        let run = |error: String| Failed::ForNow(error);
        match effect {
            Effect::Prepare => {
                let base = handover.plan.base;
                on_pair(handover, moving, move |pair| pair.prepare(base)).await.map_err(run)??;
                moving.fit = true;
                Ok(Done::Now)
            }
            Effect::Copy => {
                self.begin_work(handover, moving, 0, |pair| {
                    let began = Instant::now();
                    Worked::Copied(pair.copy().map(|()| began.elapsed()))
                })
                .await
            }
            Effect::Verify => {
                let (home, of) = (self.clone(), handover.clone());
                self.begin_work(handover, moving, COMPARES, move |pair| {
                    Worked::Compared(pair.verify(&|progress| home.progress(&of, progress)))
                })
                .await
            }
            Effect::Apply => self.bring(handover, moving).await,
            Effect::Seal => self.seal(handover, moving).await,
            Effect::Drain => {
                on_pair(handover, moving, Pair::drain).await.map_err(run)??;
                kernel::faults::point("effect.drained").await;
                moving.proved = true;
                Ok(Done::Now)
            }
            Effect::Activate => {
                on_pair(handover, moving, Pair::activate).await.map_err(run)??;
                kernel::faults::point("effect.activated").await;
                Ok(Done::Now)
            }
            Effect::Reopen => {
                let follows = matches!(handover.plan.base, Base::Follow(_));
                on_pair(handover, moving, move |pair| {
                    pair.reopen()?;
                    if follows { pair.disarm_target() } else { Ok(()) }
                })
                .await
                .map_err(run)??;
                kernel::faults::point("effect.reopened").await;
                Ok(Done::Now)
            }
            Effect::CleanUp => {
                on_pair(handover, moving, Pair::clean_up).await.map_err(run)??;
                Ok(Done::Now)
            }
            Effect::Retire => {
                let aside = on_pair(handover, moving, Pair::retire).await.map_err(run)??;
                kernel::faults::point("effect.retired").await;
                if let Some((name, holds)) = aside {
                    let facts = moving.facts.get_or_insert_with(|| handover.facts.clone());
                    facts.put_aside = Some(name);
                    facts.put_aside_holds = holds;
                }
                Ok(Done::Now)
            }
        }
    }

    /// Does something that takes long, while other handovers and nodes are looked after.
    async fn begin_work(
        &self,
        handover: &Handover,
        moving: &mut Moving,
        niceness: i32,
        work: impl FnOnce(&mut Pair) -> Worked + Send + 'static,
    ) -> Result<Done, Failed> {
        self.shown().remove(&handover.id);
        // Makes the pair when there is none yet.
        on_pair(handover, moving, |_| ()).await.map_err(Failed::ForNow)?;
        let Some(mut pair) = moving.pair.take() else { return Ok(Done::Later) };
        let (tell, work_ended) = oneshot::channel();
        // A thread of its own, because its priority cannot be raised again.
        let begun = std::thread::Builder::new().name("handover".to_owned()).spawn(move || {
            if let Err(error) = rustix::process::nice(niceness) {
                log::debug!("a step of a handover keeps its priority: {error}");
            }
            let worked = work(&mut pair);
            // Whoever waited may have gone; the next driver does it again.
            drop(tell.send((pair, worked)));
        });
        begun.map_err(|error| Failed::ForNow(format!("no thread: {error}")))?;
        moving.work = Some(work_ended);
        Ok(Done::Later)
    }

    /// Brings a batch of changes to whoever follows.
    async fn bring(&self, handover: &Handover, moving: &mut Moving) -> Result<Done, Failed> {
        let state = handover.state;
        let began = Instant::now();
        let brought = on_pair(handover, moving, move |pair| match state {
            State::Watched => pair.apply_back(),
            State::Standby => pair.follow(),
            _ => pair.apply(),
        });
        let Applied { rows, left, .. } = brought.await.map_err(Failed::ForNow)??;
        let took = began.elapsed();
        moving.facts.get_or_insert_with(|| handover.facts.clone()).applied_rows += rows;
        // What is left takes as long as this did, in proportion.
        let rest = match rows {
            0 => Duration::ZERO,
            rows => took.saturating_mul(u32::try_from(left / rows + 1).unwrap_or(u32::MAX)),
        };
        let budget = Duration::from_millis(handover.plan.max_pause_ms) / 2;
        moving.close = left == 0 || rest + took < budget;
        let mut all = self.shown();
        let shown = all.entry(handover.id).or_default();
        shown.lag = left;
        let idle = left == 0 && !matches!(state, State::Verified);
        Ok(if left > 0 || !idle { Done::Now } else { Done::Later })
    }

    /// Waits until nobody is inside any more, then refuses writes in the source.
    async fn seal(&self, handover: &Handover, moving: &mut Moving) -> Result<Done, Failed> {
        let Some(parked_at) = moving.parked_at else {
            return Err(Failed::ForGood(
                "it is not known for how long requests have been waiting".to_owned(),
            ));
        };
        let budget = Duration::from_millis(handover.plan.max_pause_ms) / 2;
        let until = parked_at + budget;
        let left = match ModuleName::find(&handover.module) {
            Some(module) => self.have_left(module, until).await,
            None => false,
        };
        if !left {
            return Err(Failed::ForGood(format!(
                "requests that were inside did not end within {} ms; try again, or allow more with --max-pause",
                budget.as_millis()
            )));
        }
        kernel::faults::point("effect.left").await;
        let position = on_pair(handover, moving, Pair::seal).await.map_err(Failed::ForNow)??;
        kernel::faults::point("effect.sealed").await;
        moving.facts.get_or_insert_with(|| handover.facts.clone()).position = Some(position);
        Ok(Done::Now)
    }

    /// Whether every request and call that was inside has ended, here and at every node.
    async fn have_left(&self, module: ModuleName, until: Instant) -> bool {
        if !self.inner.router.drained(module.as_str(), until).await {
            return false;
        }
        while !self.is_followed(module).await {
            if Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(GLANCE).await;
        }
        true
    }

    /// Begins the handover that goes the other way, with the stores as they are.
    pub(super) async fn reverse_by_itself(
        &self,
        handover: &Handover,
        reason: String,
    ) -> Result<(), ControlError> {
        log::warn!("the {} module goes back by itself: {reason}", handover.module);
        let audit = Audit {
            actor: "home".into(),
            action: "rollback",
            module: Some(handover.module.clone()),
            details: reason.clone(),
        };
        self.reverse(handover, Some(reason), true, handover.plan.max_pause_ms, false, audit).await.map(drop)
    }

    /// Begins the handover that goes from the present owner to the store that follows it.
    pub(in crate::home) async fn reverse(
        &self,
        before: &Handover,
        reason: Option<String>,
        finish: bool,
        max_pause_ms: u64,
        rehearse: bool,
        audit: Audit,
    ) -> Result<Handover, ControlError> {
        let (owner, follower) = before.owner_and_follower();
        let placements = self.inner.control.placements().await?;
        let now = Timestamp::now();
        let next = Handover {
            id: OperationId::new(),
            module: before.module.clone(),
            kind: if follower.is_home() { Kind::Absorb } else { Kind::Extract },
            plan: MovePlan {
                base: Base::Follow(before.id),
                source: owner.clone(),
                target: follower.clone(),
                max_pause_ms,
                rehearse,
                finish,
                ..before.plan.clone()
            },
            epoch: placements.modules.get(&before.module).map_or(1, |placed| placed.epoch),
            state: State::Begun,
            facts: Facts::default(),
            cancelled: false,
            reason,
            began_at: now,
            state_at: now,
            ended_at: None,
        };
        self.inner.control.begin_handover(next.clone(), audit).await?;
        if let Some(ended) = self.inner.control.handover(before.id).await? {
            self.write_receipt(&ended).await?;
        }
        Ok(next)
    }
}

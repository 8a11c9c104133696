//! What changes the stores.

use std::time::{Duration, Instant};

use handover::sqlite::{Applied, PATIENCE, Pair};
use handover::{Audit, Base, ControlError, Effect, Facts, Handover, Kind, MovePlan, OperationId, State};
use kernel::Timestamp;
use tokio::sync::oneshot;

use super::{Done, Failed, GLANCE, Moving, Worked, on_pair};
use crate::home::Home;
use crate::home::moves::Turn;
use crate::host::ModuleName;

/// Niceness (POSIX `nice`) of the thread that copies or compares stores: requests go first.
const NICENESS: i32 = 10;
/// What is left to be brought over before requests wait should take no longer than this, unless it stays above for so many batches.
const NEAR: Duration = Duration::from_millis(5);
const MOST_ROUNDS: u32 = 50;
/// Least time that a lock is waited for, however late it is.
const SHORTEST: Duration = Duration::from_millis(5);

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
        if kernel::faults::fails(fault(effect)) {
            return Err(Failed::ForNow("it was made to fail".to_owned()));
        }
        let run = |error: String| Failed::ForNow(error);
        match effect {
            Effect::Prepare => {
                on_pair(handover, moving, Pair::prepare).await.map_err(run)??;
                moving.fit = true;
                Ok(Done::Now)
            }
            Effect::Copy => {
                self.begin_work(handover, moving, |pair| {
                    let began = Instant::now();
                    Worked::Copied(pair.copy().map(|bytes| (began.elapsed(), bytes)))
                })
                .await
            }
            Effect::Verify => {
                let (home, of) = (self.clone(), handover.clone());
                self.begin_work(handover, moving, move |pair| {
                    Worked::Compared(pair.verify(&|progress| home.progress(&of, progress)))
                })
                .await
            }
            Effect::Apply => self.bring(handover, moving).await,
            Effect::Seal => self.seal(handover, moving).await,
            Effect::Drain => {
                let applied = in_time(handover, moving, Pair::drain).await.map_err(run)??;
                kernel::faults::point("effect.drained").await;
                moving.facts.get_or_insert_with(|| handover.facts.clone()).applied = Some(applied);
                moving.proved = true;
                Ok(Done::Now)
            }
            Effect::Activate => {
                on_pair(handover, moving, Pair::activate).await.map_err(run)??;
                kernel::faults::point("effect.activated").await;
                Ok(Done::Now)
            }
            Effect::Reopen => {
                on_pair(handover, moving, Pair::reopen).await.map_err(run)??;
                kernel::faults::point("effect.reopened").await;
                Ok(Done::Now)
            }
            Effect::CleanUp => {
                on_pair(handover, moving, Pair::clean_up).await.map_err(run)??;
                Ok(Done::Now)
            }
            Effect::Retire => self.begin_work(handover, moving, |pair| Worked::Retired(pair.retire())).await,
        }
    }

    /// Does something that takes long, while other handovers and nodes are looked after.
    async fn begin_work(
        &self,
        handover: &Handover,
        moving: &mut Moving,
        work: impl FnOnce(&mut Pair) -> Worked + Send + 'static,
    ) -> Result<Done, Failed> {
        self.shown().remove(&handover.id);
        // Makes the pair when there is none yet.
        on_pair(handover, moving, |_| ()).await.map_err(Failed::ForNow)?;
        let Some(mut pair) = moving.pair.take() else { return Ok(Done::Begun) };
        let (tell, work_ended) = oneshot::channel();
        // A thread of its own, because its priority cannot be raised again.
        let begun = std::thread::Builder::new().name("handover".to_owned()).spawn(move || {
            if let Err(error) = rustix::process::nice(NICENESS) {
                log::debug!("a step of a handover keeps its priority: {error}");
            }
            let worked = work(&mut pair);
            // Whoever waited may have gone; the next driver does it again.
            drop(tell.send((pair, worked)));
        });
        begun.map_err(|error| Failed::ForNow(format!("no thread: {error}")))?;
        moving.work = Some(work_ended);
        Ok(Done::Begun)
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
        // As near as it gets without waiting for ever: under load something is always left.
        moving.rounds = moving.rounds.saturating_add(1);
        let near = if moving.rounds < MOST_ROUNDS { budget.min(NEAR) } else { budget };
        moving.close = left == 0 || rest + took < near;
        let mut all = self.shown();
        let shown = all.entry(handover.id).or_default();
        shown.lag = left;
        shown.rate = rows.saturating_mul(1000) / u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        shown.eta_ms = Some(u64::try_from(rest.as_millis()).unwrap_or(u64::MAX));
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
        let Some(module) = ModuleName::find(&handover.module) else {
            return Err(Failed::ForGood("there is no such module".to_owned()));
        };
        if let Err(who) = self.have_left(module, moving.generation, until).await {
            return Err(Failed::ForGood(format!(
                "{who} within {} ms; try again, or allow more with --max-pause",
                budget.as_millis()
            )));
        }
        moving.marks.left = parked_at.elapsed();
        kernel::faults::point("effect.left").await;
        let position = in_time(handover, moving, Pair::seal).await.map_err(Failed::ForNow)??;
        moving.marks.sealed = parked_at.elapsed();
        kernel::faults::point("effect.sealed").await;
        moving.facts.get_or_insert_with(|| handover.facts.clone()).position = Some(position);
        Ok(Done::Now)
    }

    /// Waits until every request and call that was inside has ended, here and at every node. Says who did not.
    async fn have_left(&self, module: ModuleName, generation: u64, until: Instant) -> Result<(), String> {
        // Before requests wait here, nobody is known to have left.
        while self.inner.router.generation() < generation {
            if Instant::now() >= until {
                return Err("requests could not be made to wait".to_owned());
            }
            tokio::time::sleep(GLANCE).await;
            self.apply().await.map_err(|error| format!("the control store failed ({error})"))?;
        }
        if !self.inner.router.drained(module.as_str(), until).await {
            return Err("requests that were inside did not end".to_owned());
        }
        while !self.is_followed(module).await {
            if Instant::now() >= until {
                return Err(self.who_is_behind().unwrap_or("calls that were inside did not end".to_owned()));
            }
            tokio::time::sleep(GLANCE).await;
        }
        Ok(())
    }

    /// The nodes that do not follow what was decided last, as a sentence.
    pub(super) fn who_is_behind(&self) -> Option<String> {
        let behind = self.inner.live.behind(self.inner.directory.borrow().generation);
        let behind: Vec<String> = behind.into_iter().map(|node| node.to_string()).collect();
        (!behind.is_empty()).then(|| format!("{} did not follow", behind.join(", ")))
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
        let max_pause_ms = handover.plan.max_pause_ms;
        let turn = Turn { finish: true, max_pause_ms, watch_ms: 0, rehearse: false };
        self.reverse(handover, Some(reason), turn, audit).await.map(drop)
    }

    /// Begins the handover that goes from the present owner to the store that follows it.
    pub(in crate::home) async fn reverse(
        &self,
        before: &Handover,
        reason: Option<String>,
        turn: Turn,
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
                max_pause_ms: turn.max_pause_ms,
                rehearse: turn.rehearse,
                finish: turn.finish,
                watch_ms: turn.watch_ms,
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

/// Runs something on the stores that waits for others' locks no longer than requests may still be made to wait.
async fn in_time<T: Send + 'static>(
    handover: &Handover,
    moving: &mut Moving,
    run: impl FnOnce(&mut Pair) -> T + Send + 'static,
) -> Result<T, String> {
    let waited = moving.parked_at.map_or(Duration::ZERO, |at| at.elapsed());
    let left = Duration::from_millis(handover.plan.max_pause_ms).saturating_sub(waited).max(SHORTEST);
    on_pair(handover, moving, move |pair| {
        pair.wait_at_most(left);
        let ran = run(pair);
        pair.wait_at_most(PATIENCE);
        ran
    })
    .await
}

/// Name of the fault point at which it fails.
fn fault(effect: Effect) -> &'static str {
    match effect {
        Effect::Prepare => "effect.prepare",
        Effect::Copy => "effect.copy",
        Effect::Apply => "effect.apply",
        Effect::Verify => "effect.verify",
        Effect::Seal => "effect.seal",
        Effect::Drain => "effect.drain",
        Effect::Activate => "effect.activate",
        Effect::Reopen => "effect.reopen",
        Effect::CleanUp => "effect.clean_up",
        Effect::Retire => "effect.retire",
    }
}

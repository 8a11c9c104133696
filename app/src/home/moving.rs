//! Carries handovers out: looks, asks what follows, makes it so, writes it down.
//!
//! What is decided depends on what is written down and on the stores alone; all that is kept here beside is lost in a crash
//! and found out again. The one exception is [`Moving::parked_at`]: whoever does not know how long requests have been
//! waiting goes back rather than on.

mod effects;
mod look;
mod receipt;
mod shown;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use handover::sqlite::{Compared, MoveError, Pair, PutAside};
use handover::{Audit, Base, ControlError, Facts, Handover, Next, OperationId, State, Waited};
use kernel::Timestamp;
use kernel::store::{StoreError, StoreUrl};
use router::gate::WAIT_BOUNDS;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

pub(crate) use shown::Shown;

use super::Home;
use crate::figures;

/// Failures in a row after which a handover goes back, if it still can.
const MOST_FAILURES: u32 = 5;
/// For so long a handover is gone on with before the driver looks after others.
const TURN: Duration = Duration::from_millis(250);
/// How often it is looked whether nodes follow, and for how long without a pause.
const GLANCE: Duration = Duration::from_millis(1);
const LONGEST_GLANCE: Duration = Duration::from_secs(1);
/// What is known of a handover beside what is written down.
#[derive(Default)]
pub(super) struct Moving {
    /// The stores; not there while something that takes long is done with them.
    pair: Option<Pair>,
    work: Option<oneshot::Receiver<(Pair, Worked)>>,
    fit: bool,
    close: bool,
    /// Batches that were brought over since the stores were compared.
    rounds: u32,
    proved: bool,
    /// Since when the target has not been ready.
    unready_since: Option<Instant>,
    /// Of the placements that the last state made.
    generation: u64,
    /// Since when requests wait, if this process let them.
    parked_at: Option<Instant>,
    /// How long it took since then until those inside had left, and until the source was sealed.
    marks: Marks,
    compared_at: Option<Instant>,
    /// When this process entered the present state, if it did.
    entered_at: Option<Instant>,
    failures: u32,
    /// What something that takes long failed with.
    failed_work: Option<Failed>,
    facts: Option<Facts>,
}

/// Where the pause goes.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    left: Duration,
    sealed: Duration,
}

/// What something that takes long came to.
enum Worked {
    Copied(Result<(Duration, u64), MoveError>),
    Compared(Result<Compared, MoveError>),
    Retired(Result<Option<PutAside>, MoveError>),
}

/// What became of an effect.
enum Done {
    /// It is done: look again at once.
    Now,
    /// It is done, and there is nothing more to do now.
    Later,
    /// It was begun.
    Begun,
}

/// Why an effect did not succeed.
enum Failed {
    /// It will not: go back, if that is still possible.
    ForGood(String),
    /// It may the next time.
    ForNow(String),
}

impl From<MoveError> for Failed {
    fn from(error: MoveError) -> Self {
        let told = error.to_string();
        match error {
            MoveError::Refused(_) | MoveError::Differs(_) | MoveError::NotMine { .. } => Self::ForGood(told),
            MoveError::Store { .. } | MoveError::File { .. } | MoveError::Touched => Self::ForNow(told),
        }
    }
}

impl Home {
    /// Goes on with a handover as far as it can now. Says whether it is worth looking again soon.
    pub(super) async fn step_handover(&self, handover: Handover) -> Result<bool, ControlError> {
        let id = handover.id;
        let stepped = self.go_on(handover).await;
        match &stepped {
            Ok(_) => self.control_store(id, None),
            Err(ControlError::Store(error)) => self.control_store(id, Some(error)),
            Err(_) => {}
        }
        stepped
    }

    async fn go_on(&self, mut handover: Handover) -> Result<bool, ControlError> {
        let mut all = self.inner.moving.lock().await;
        if !all.contains_key(&handover.id) {
            let moving = self.begin_moving(&mut all, &handover).await?;
            all.insert(handover.id, moving);
        }
        let moving = all.entry(handover.id).or_default();
        let began = Instant::now();
        loop {
            // One that never catches up does not keep the driver from all else; one that lets requests wait does.
            if began.elapsed() > TURN && !handover.state.parks() {
                return Ok(true);
            }
            if !self.is_free(&handover, moving).await {
                return Ok(true);
            }
            let sight = self.look_at(&handover, moving).await?;
            match handover.next(&sight) {
                // Requests wait, or nobody else will take long: the next round of the driver would come late.
                Next::Stay if waits_for_nodes(&handover, moving) => tokio::time::sleep(GLANCE).await,
                Next::Stay => return Ok(!handover.state.rests()),
                Next::Stuck(why) => {
                    self.trouble(&handover, &why);
                    return Ok(true);
                }
                Next::Enter(state) => self.enter(&mut handover, state, moving).await?,
                Next::Back(state, reason) => {
                    log::warn!("the handover of {} goes back: {reason}", handover.module);
                    handover.reason = Some(reason);
                    self.enter(&mut handover, state, moving).await?;
                }
                Next::Reverse(reason) => {
                    self.reverse_by_itself(&handover, reason).await?;
                    return Ok(true);
                }
                Next::Do(effect) => match self.perform(effect, &mut handover, moving).await {
                    Ok(Done::Now) => self.went_well(&handover, moving),
                    Ok(Done::Later) => {
                        self.went_well(&handover, moving);
                        return Ok(!handover.state.rests());
                    }
                    // Whether it goes well is still to be seen.
                    Ok(Done::Begun) => return Ok(true),
                    Err(failed) => {
                        self.note_failure(&mut handover, moving, failed).await?;
                        return Ok(handover.state.parks() || moving.failures < MOST_FAILURES);
                    }
                },
            }
            if handover.state.is_over() {
                self.write_receipt(&handover).await?;
                all.remove(&handover.id);
                self.shown().remove(&handover.id);
                return Ok(false);
            }
        }
    }

    /// What is known of a handover that this process has not driven yet: what was known of the one that it goes on from.
    async fn begin_moving(
        &self,
        all: &mut BTreeMap<OperationId, Moving>,
        handover: &Handover,
    ) -> Result<Moving, ControlError> {
        let Base::Follow(before) = handover.plan.base else { return Ok(Moving::default()) };
        self.shown().remove(&before);
        let (known, before) = (all.remove(&before), self.inner.control.handover(before).await?);
        Ok(known.zip(before).map(|(known, before)| known.handed_on(&before, handover)).unwrap_or_default())
    }

    /// Whether nothing that takes long is being done. Takes up what was.
    async fn is_free(&self, handover: &Handover, moving: &mut Moving) -> bool {
        let Some(work) = &mut moving.work else { return true };
        let worked = match work.try_recv() {
            Err(TryRecvError::Empty) => {
                self.show_copy(handover);
                return false;
            }
            ended => ended,
        };
        moving.work = None;
        let facts = moving.facts.get_or_insert_with(|| handover.facts.clone());
        match worked {
            Ok((pair, Worked::Copied(Ok((took, bytes))))) => {
                facts.copy_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                facts.copied_bytes = bytes;
                moving.pair = Some(pair);
                moving.failures = 0;
            }
            Ok((pair, Worked::Compared(Ok(compared)))) => {
                facts.compared = Some(compared);
                moving.pair = Some(pair);
                moving.compared_at = Some(Instant::now());
                moving.close = false;
                moving.rounds = 0;
                moving.failures = 0;
            }
            Ok((pair, Worked::Retired(Ok(aside)))) => {
                kernel::faults::point("effect.retired").await;
                if let Some(PutAside { name, holds }) = aside {
                    (facts.put_aside, facts.put_aside_holds) = (Some(name), holds);
                }
                moving.pair = Some(pair);
                moving.failures = 0;
            }
            Ok((
                pair,
                Worked::Copied(Err(error)) | Worked::Compared(Err(error)) | Worked::Retired(Err(error)),
            )) => {
                moving.pair = Some(pair);
                moving.failed_work = Some(error.into());
            }
            Err(panicked) => {
                moving.failed_work = Some(Failed::ForNow(format!("a step panicked: {panicked}")));
            }
        }
        self.shown().remove(&handover.id);
        true
    }

    /// Writes down the state that was reached, and makes everything look like it.
    pub(super) async fn enter(
        &self,
        handover: &mut Handover,
        state: State,
        moving: &mut Moving,
    ) -> Result<(), ControlError> {
        let from = handover.state;
        let mut entered = Handover { state, state_at: Timestamp::now(), ..handover.clone() };
        entered.ended_at = state.is_over().then_some(entered.state_at);
        if let Some(facts) = &moving.facts {
            entered.facts = facts.clone();
        }
        if state == State::Sealing {
            moving.proved = false;
        }
        let details = detail(&entered, moving.marks);
        log::info!(handover:% = entered.id, module = entered.module.as_str(); "the {} module: {} {details}", entered.module, state.name());
        let audit = Audit {
            actor: "home".into(),
            action: "handover",
            module: Some(entered.module.clone()),
            details: format!("{} {details}", state.name()).trim_end().to_owned(),
        };
        kernel::faults::point(before(state)).await;
        if kernel::faults::fails(before(state)) {
            return Err(StoreError::Busy.into());
        }
        moving.generation = self.inner.control.enter(entered.clone(), from, details, audit).await?;
        kernel::faults::point(state.name()).await;
        // It was written down, and nobody here hears of it.
        if kernel::faults::fails(state.name()) {
            return Err(StoreError::Unknown("the answer was lost".to_owned()).into());
        }
        *handover = entered;
        self.no_trouble(handover);
        moving.entered_at = Some(Instant::now());
        if state == State::Sealing {
            moving.parked_at = Some(Instant::now());
            self.requests_wait(handover, true);
        }
        if state == State::Activated {
            self.inner.router.clear_stats(&handover.module);
        }
        self.apply().await?;
        if !state.parks() && moving.parked_at.is_some() {
            self.released(handover, moving);
        }
        Ok(())
    }

    /// Requests do not wait any more. Notes how long they did.
    fn released(&self, handover: &Handover, moving: &mut Moving) {
        let Some(at) = moving.parked_at.take() else { return };
        self.requests_wait(handover, false);
        let facts = moving.facts.get_or_insert_with(|| handover.facts.clone());
        facts.pause_us = Some(u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX));
        metrics::histogram!("banyan_handover_pause_seconds").record(at.elapsed().as_secs_f64());
        let Some(park) = self.inner.router.last_park(&handover.module) else { return };
        (facts.waited, facts.refused) = (park.let_in, park.refused);
        let bounds = WAIT_BOUNDS.into_iter().map(Some).chain([None]);
        let waits = bounds.zip(park.waits).filter(|(_, requests)| *requests > 0);
        facts.waits = waits.map(|(up_to_ms, requests)| Waited { up_to_ms, requests }).collect();
    }

    fn went_well(&self, handover: &Handover, moving: &mut Moving) {
        if moving.failures > 0 {
            moving.failures = 0;
            self.no_trouble(handover);
        }
    }

    async fn note_failure(
        &self,
        handover: &mut Handover,
        moving: &mut Moving,
        failed: Failed,
    ) -> Result<(), ControlError> {
        moving.failures = moving.failures.saturating_add(1);
        let (why, last) = match failed {
            Failed::ForGood(why) => (why, true),
            Failed::ForNow(why) => (why, moving.failures >= MOST_FAILURES),
        };
        // What is tried for hours, because a disk is full, must not fill it with this.
        if moving.failures <= MOST_FAILURES || moving.failures.is_multiple_of(100) {
            log::error!("the handover of {} ({}): {why}", handover.module, handover.state.name());
        }
        self.trouble(handover, &why);
        if let Some(back) = handover.way_back().filter(|_| last) {
            handover.reason = Some(why);
            self.enter(handover, back, moving).await?;
        }
        Ok(())
    }
}

// === impl Moving ===

impl Moving {
    /// How long the state has lasted. By the wall clock, which may jump, only when another process entered it.
    fn lasted(&self, handover: &Handover) -> Duration {
        self.entered_at.map_or_else(|| Timestamp::now().since(handover.state_at), |at| at.elapsed())
    }

    /// For the handover that goes on from this one.
    fn handed_on(self, before: &Handover, next: &Handover) -> Self {
        // It is as it was put down: the stores are where the next one's plan has them.
        let went_over = before.plan.target.store == next.plan.source.store;
        let compared_by = match &before.facts.compared {
            Some(_) => Some(before.id),
            None => before.facts.compared_by,
        };
        let pair = self.pair.map(|pair| pair.handed_on(next, went_over));
        let facts = Facts { compared_by, ..next.facts.clone() };
        Self { pair, compared_at: self.compared_at, facts: Some(facts), ..Self::default() }
    }
}

/// Whether it is a matter of moments until every node follows.
fn waits_for_nodes(handover: &Handover, moving: &Moving) -> bool {
    let waits = matches!(handover.state, State::Activated | State::Reopening);
    waits && moving.lasted(handover) < LONGEST_GLANCE
}

/// What is worth saying about the state.
fn detail(handover: &Handover, marks: Marks) -> String {
    let facts = &handover.facts;
    let pause = || facts.pause_us.map(|micros| format!("requests waited for {}", figures::millis(micros)));
    match handover.state {
        State::CatchingUp if facts.copy_ms > 0 => {
            format!("{} bytes were copied in {} ms", facts.copied_bytes, facts.copy_ms)
        }
        State::Drained => {
            let millis =
                |took: Duration| figures::millis(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            format!(
                "those inside had left after {}, sealed after {}",
                millis(marks.left),
                millis(marks.sealed)
            )
        }
        State::Committed => format!("epoch {}", handover.target_epoch()),
        State::Reopening => {
            format!("epoch {}: {}", handover.reopened_epoch(), handover.reason.as_deref().unwrap_or_default())
        }
        State::Aborting | State::Standby => {
            let reason = handover.reason.clone().unwrap_or_default();
            pause().map_or(reason.clone(), |pause| format!("{reason}; {pause}"))
        }
        State::Routed => pause().unwrap_or_default(),
        _ => String::new(),
    }
}

/// Name of the fault point before a state is written down.
fn before(state: State) -> &'static str {
    match state {
        State::Sealing => "before.sealing",
        State::Drained => "before.drained",
        State::Committed => "before.committed",
        State::Activated => "before.activated",
        State::Reopening => "before.reopening",
        _ => "before.state",
    }
}

/// The files of the two stores.
fn paths(handover: &Handover) -> Result<(PathBuf, PathBuf), String> {
    let path = |store: &str| match store.parse() {
        Ok(StoreUrl::Sqlite(path)) => Ok(path),
        Ok(StoreUrl::Postgres(_)) => Err("a store on PostgreSQL cannot be moved yet".to_owned()),
        Err(error) => Err(format!("{store}: {error}")),
    };
    Ok((path(&handover.plan.source.store)?, path(&handover.plan.target.store)?))
}

/// Runs something short on the stores, on a thread that may block.
pub(super) async fn on_pair<T: Send + 'static>(
    handover: &Handover,
    moving: &mut Moving,
    run: impl FnOnce(&mut Pair) -> T + Send + 'static,
) -> Result<T, String> {
    let mut pair = match moving.pair.take() {
        Some(pair) => pair,
        None => {
            let (source, target) = paths(handover)?;
            Pair::new(handover, source, target)
        }
    };
    let ran = tokio::task::spawn_blocking(move || {
        let result = run(&mut pair);
        (pair, result)
    });
    let (pair, result) = ran.await.map_err(|panicked| format!("a step panicked: {panicked}"))?;
    moving.pair = Some(pair);
    Ok(result)
}

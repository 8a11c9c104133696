//! Group commit on one connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use tokio::sync::oneshot;

use super::super::{Db, StoreError, Tx, fence};
use super::Told;

/// Most writes in one transaction, and longest that the first of them waits for the others to run.
const MOST_JOBS: usize = 128;
const LONGEST: Duration = Duration::from_millis(5);

/// One write, with its types hidden from the thread that runs it.
pub(in super::super) trait Job: Send {
    /// Whether somebody still waits for it.
    fn wanted(&self) -> bool;
    /// Runs it inside a savepoint; says whether to keep what it did.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Tells the result: of the run, or why that is void. A refusal is void too when it was made in sight of writes that are.
    fn settle(self: Box<Self>, voided: Option<StoreError>, refusal_stands: bool);
}

/// A write and where its result goes.
pub(super) struct Closure<F, T, E> {
    change: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

// === impl Closure ===

impl<F, T, E> Closure<F, T, E> {
    pub(super) fn new(change: F, reply: oneshot::Sender<Result<T, E>>) -> Self {
        Self { change, result: None, reply }
    }
}

impl<F, T, E> Job for Closure<F, T, E>
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let result = catch_unwind(AssertUnwindSafe(|| (self.change)(tx)))
            .unwrap_or_else(|_panic| Err(StoreError::Panicked.into()));
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn settle(self: Box<Self>, voided: Option<StoreError>, refusal_stands: bool) {
        let Self { change, result, reply } = *self;
        // What the write holds, such as its idempotency key, is free before its caller hears of the result.
        drop(change);
        let answer = match (voided, result) {
            (Some(voided), Some(Ok(_)) | None) => Err(voided.into()),
            (Some(voided), Some(Err(_))) if !refusal_stands => Err(voided.into()),
            (_, Some(result)) => result,
            (None, None) => Err(StoreError::Closed.into()),
        };
        // Whoever waited may have gone; the write stands all the same.
        drop(reply.send(answer));
    }
}

/// Runs jobs until every sender is gone, then tidies the file. `reopen` makes another connection after one has failed in a way
/// that leaves its state unknown.
pub(super) fn run(
    mut db: Db,
    epoch: u64,
    jobs: &mpsc::Receiver<Box<dyn Job>>,
    told: &Told,
    reopen: impl Fn() -> Option<Db>,
) {
    while let Ok(first) = jobs.recv() {
        let sound = run_batch(&mut db, epoch, first, jobs);
        told.failing.store(!sound, Ordering::Release);
        if !sound
            && !recovers(&mut db)
            && let Some(fresh) = reopen()
        {
            db = fresh;
        }
    }
    // Folding the log keeps writers waiting, for as long as others read. It is for files that are left.
    if told.stays.load(Ordering::Acquire) {
        return;
    }
    // One that belongs to another epoch by now is left as it is: whoever follows there would take it for a write.
    let owned = fence::check(&mut db, epoch).is_ok();
    if let (Db::Sqlite(connection), true) = (&mut db, owned) {
        // The log is folded into the file, so that a closed store is one file. Another process may hold it: then it is not.
        if let Err(error) = connection.batch_execute("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)") {
            log::debug!("the write-ahead log was left in place: {error}");
        }
    }
}

/// Whether a connection that failed can begin a transaction again.
fn recovers(db: &mut Db) -> bool {
    db.begin_write().is_ok() && db.rollback()
}

/// Runs one batch. `false` when the connection cannot be trusted any more.
fn run_batch(db: &mut Db, epoch: u64, first: Box<dyn Job>, jobs: &mpsc::Receiver<Box<dyn Job>>) -> bool {
    // Nobody waits for it any more: it is not worth a lock that another process may hold.
    if !first.wanted() {
        return true;
    }
    if let Err(error) = db.begin_write() {
        let busy = matches!(error, StoreError::Busy);
        first.settle(Some(error), true);
        return busy;
    }
    // The triggers would refuse each of them; so none decides anything by what it reads here either.
    if let Err(error) = fence::check(db, epoch) {
        let fenced = matches!(error, StoreError::Fenced { .. });
        first.settle(Some(error), false);
        return db.rollback() && fenced;
    }
    let began = Instant::now();
    let mut ran: Vec<Ran> = Vec::new();
    let mut next = Some(first);
    while let Some(mut job) = next {
        if job.wanted() {
            let (kept, sound) = run_one(db, job.as_mut());
            ran.push(Ran { job, kept });
            if !sound {
                let lost = || StoreError::Unreachable("the transaction could not be completed".to_owned());
                abandon(db, ran, lost);
                return false;
            }
        }
        let more = ran.len() < MOST_JOBS && began.elapsed() < LONGEST;
        next = if more { jobs.try_recv().ok() } else { None };
    }
    match db.commit() {
        Ok(()) => {
            ran.into_iter().for_each(|ran| ran.job.settle(None, true));
            true
        }
        Err(error) => {
            log::error!("a commit of {} writes failed: {error}", ran.len());
            // It may have reached the disk before it failed.
            abandon(db, ran, || StoreError::Unknown(error.to_string()));
            false
        }
    }
}

/// A job that was run, and whether it changed anything.
struct Ran {
    job: Box<dyn Job>,
    kept: bool,
}

/// Runs one job in a savepoint. Says whether to keep what it did, and whether the transaction is sound: the engine gives all of it up
/// when the disk is full or fails.
fn run_one(db: &mut Db, job: &mut dyn Job) -> (bool, bool) {
    if db.savepoint().is_err() {
        return (false, false);
    }
    let kept = db.inside(|tx| job.run(tx));
    (kept, if kept { db.commit().is_ok() } else { db.rollback() })
}

/// Ends the transaction without any of its effects.
fn abandon(db: &mut Db, ran: Vec<Ran>, answer: impl Fn() -> StoreError) {
    // Rolls back savepoint and transaction; the engine may have done either by itself.
    while db.rollback() {}
    if let Db::Sqlite(connection) = db {
        connection
            .batch_execute("ROLLBACK")
            .unwrap_or_else(|error| log::debug!("nothing to roll back: {error}"));
    }
    let mut refusal_stands = true;
    for Ran { job, kept } in ran {
        job.settle(Some(answer()), refusal_stands);
        refusal_stands &= !kept;
    }
}

//! A bounded queue in front of a pool, and the threads that work through it.
//!
//! A *lane* is one blocking thread with one connection. It runs what waits, in the order it came, until nothing does, and then
//! gives both back. There are as many lanes as connections at most, so no thread ever waits for a connection; and under load
//! a lane goes from one query to the next without sleeping, being woken or asking the pool.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::pool::{self, Pool};
use super::{Db, OpenError, Place, StoreError, StoreSettings};

/// The queue and its lanes.
pub(super) struct Lanes {
    shared: Arc<Shared>,
    patience: Duration,
}

struct Shared {
    pool: Pool,
    state: Mutex<State>,
    most_waiting: usize,
    most_lanes: u32,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn Job>>,
    lanes: u32,
    closed: bool,
}

/// One query, with its types hidden from the thread that runs it.
trait Job: Send {
    /// Runs it, unless whoever asked has gone.
    fn run(self: Box<Self>, db: &mut Db);
    /// There is no connection to run it on.
    fn refuse(self: Box<Self>, error: StoreError);
}

struct Query<F, T, E> {
    query: F,
    /// Whether its turn has come.
    began: Arc<AtomicBool>,
    reply: oneshot::Sender<Result<T, E>>,
}

/// A lane's place among the lanes, given up when its thread ends in whatever way.
struct Lane {
    shared: Arc<Shared>,
    /// Whether the place has been given up already.
    ended: bool,
}

// === impl Lanes ===

impl Lanes {
    pub(super) fn open(
        module: &'static str,
        place: &Place,
        settings: &StoreSettings,
    ) -> Result<Self, OpenError> {
        let shared = Shared {
            pool: pool::open(module, place, settings)?,
            state: Mutex::default(),
            most_waiting: settings.queue,
            most_lanes: settings.connections.max(1),
        };
        Ok(Self { shared: Arc::new(shared), patience: settings.patience })
    }

    /// Runs `query` when its turn comes. Dropped before that, it is not run.
    ///
    /// # Errors
    /// What `query` returns; [`StoreError::Busy`] when too many wait or its turn did not come in time,
    /// [`StoreError::Unreachable`] without a connection, [`StoreError::Closed`] after [`Lanes::close`].
    pub(super) async fn run<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: FnOnce(&mut Db) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, mut answer) = oneshot::channel();
        let began = Arc::new(AtomicBool::new(false));
        self.shared.add(Box::new(Query { query, began: Arc::clone(&began), reply }))?;
        let answered = match tokio::time::timeout(self.patience, &mut answer).await {
            Ok(answered) => answered,
            // What runs is waited for; what still waits has waited too long.
            Err(_elapsed) if began.swap(true, Ordering::AcqRel) => answer.await,
            Err(_elapsed) => return Err(StoreError::Busy.into()),
        };
        answered.unwrap_or_else(|_dropped| Err(StoreError::Panicked.into()))
    }

    /// Lets nobody in any more. What waits is still run.
    pub(super) fn close(&self) {
        self.shared.lock().closed = true;
    }
}

// === impl Shared ===

impl Shared {
    fn add(self: &Arc<Self>, job: Box<dyn Job>) -> Result<(), StoreError> {
        let mut state = self.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        if state.waiting.len() >= self.most_waiting {
            return Err(StoreError::Busy);
        }
        state.waiting.push_back(job);
        if state.lanes < self.most_lanes {
            state.lanes += 1;
            drop(state);
            self.start();
        }
        Ok(())
    }

    /// Starts a lane that has been counted already.
    fn start(self: &Arc<Self>) {
        let lane = Lane { shared: Arc::clone(self), ended: false };
        tokio::task::spawn_blocking(move || lane.run());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Lane ===

impl Lane {
    fn run(mut self) {
        let mut connection: Option<r2d2::PooledConnection<_>> = None;
        while let Some(job) = self.next() {
            if connection.is_none() {
                match self.shared.pool.get() {
                    Ok(fresh) => connection = Some(fresh),
                    Err(error) => {
                        job.refuse(StoreError::Unreachable(error.to_string()));
                        continue;
                    }
                }
            }
            if let Some(db) = &mut connection {
                let ran = catch_unwind(AssertUnwindSafe(|| job.run(db)));
                if ran.is_err() || pool::is_broken(db) {
                    // The pool looks at it, and opens another one if it is of no use.
                    connection = None;
                }
            }
        }
    }

    /// What comes next. Without anything the lane has ended.
    fn next(&mut self) -> Option<Box<dyn Job>> {
        if let Some(job) = self.shared.lock().waiting.pop_front() {
            return Some(job);
        }
        // More may be on its way from the thread that takes requests, if that could only run: to let it is cheaper than to
        // end here and be woken for each query. Where nothing else wants the processor, this returns at once.
        std::thread::yield_now();
        let mut state = self.shared.lock();
        let job = state.waiting.pop_front();
        if job.is_none() {
            state.lanes -= 1;
            self.ended = true;
        }
        job
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if !self.ended {
            // Never run, because the runtime stops: nobody will take what waits.
            let waiting = {
                let mut state = self.shared.lock();
                state.lanes -= 1;
                std::mem::take(&mut state.waiting)
            };
            waiting.into_iter().for_each(|job| job.refuse(StoreError::Closed));
        }
    }
}

// === impl Query ===

impl<F, T, E> Job for Query<F, T, E>
where
    F: FnOnce(&mut Db) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(self: Box<Self>, db: &mut Db) {
        let Self { query, began, reply } = *self;
        if reply.is_closed() || began.swap(true, Ordering::AcqRel) {
            return;
        }
        // Whoever waited may have gone meanwhile.
        drop(reply.send(query(db)));
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        drop(self.reply.send(Err(error.into())));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::store::StoreUrl;

    fn lanes(directory: &tempfile::TempDir, connections: u32, queue: usize, patience: Duration) -> Lanes {
        let url = format!("sqlite:{}", directory.path().join("x.db").display());
        let url: StoreUrl = url.parse().unwrap();
        if let StoreUrl::Sqlite(path) = &url {
            super::super::sqlite::open_writer(path, 1, false).unwrap();
        }
        let place = Place { url, epoch: 1 };
        let settings = StoreSettings { connections, queue, patience, ..StoreSettings::nowhere() };
        Lanes::open("x", &place, &settings).unwrap()
    }

    /// A query that tells when it began and ends when it is told to.
    fn held(lanes: &Arc<Lanes>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), StoreError>>) {
        let (release, told) = mpsc::channel();
        let lanes = Arc::clone(lanes);
        let (began, begun) = mpsc::channel();
        let running = tokio::spawn(async move {
            let query = move |_: &mut Db| {
                began.send(()).unwrap();
                told.recv().unwrap();
                Ok::<(), StoreError>(())
            };
            lanes.run(query).await
        });
        tokio::task::block_in_place(|| begun.recv_timeout(Duration::from_secs(10)).unwrap());
        (release, running)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_more_than_the_queue_holds_is_refused_at_once_and_one_that_waits_too_long_in_time() {
        let directory = tempfile::tempdir().unwrap();
        let lanes = Arc::new(lanes(&directory, 1, 1, Duration::from_secs(1)));
        let (release, running) = held(&lanes);
        let nothing = |_: &mut Db| Ok::<_, StoreError>(());
        let (second, third) = tokio::join!(lanes.run(nothing), lanes.run(nothing));
        assert!(matches!(second, Err(StoreError::Busy)), "waited too long");
        assert!(matches!(third, Err(StoreError::Busy)), "there was no place");
        release.send(()).unwrap();
        assert!(running.await.unwrap().is_ok(), "what runs is not cut off by the patience of the queue");
        assert!(lanes.run(nothing).await.is_ok());
        lanes.close();
        assert!(matches!(lanes.run(nothing).await, Err(StoreError::Closed)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_query_that_panics_takes_nothing_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let lanes = Arc::new(lanes(&directory, 1, 8, Duration::from_secs(10)));
        let (release, running) = held(&lanes);
        let panics = lanes.run(|_: &mut Db| -> Result<(), StoreError> { panic!("on purpose") });
        let behind = lanes.run(|_: &mut Db| Ok::<_, StoreError>(7));
        let (panics, behind, _) = tokio::join!(panics, behind, async { release.send(()).unwrap() });
        assert!(matches!(panics, Err(StoreError::Panicked)));
        assert_eq!(behind.unwrap(), 7);
        assert!(running.await.unwrap().is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_nobody_waits_for_any_more_is_not_run() {
        let directory = tempfile::tempdir().unwrap();
        let lanes = Arc::new(lanes(&directory, 1, 8, Duration::from_secs(10)));
        let (release, running) = held(&lanes);
        let ran = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ran);
        let gone = lanes.run(move |_: &mut Db| {
            told.store(true, Ordering::Release);
            Ok::<_, StoreError>(())
        });
        assert!(tokio::time::timeout(Duration::from_millis(1), gone).await.is_err());
        release.send(()).unwrap();
        running.await.unwrap().unwrap();
        lanes.run(|_: &mut Db| Ok::<_, StoreError>(())).await.unwrap();
        assert!(!ran.load(Ordering::Acquire));
    }
}

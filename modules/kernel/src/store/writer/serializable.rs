//! Writes on PostgreSQL: `SERIALIZABLE`, run again when the server finds that two of them crossed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::super::error::take_must_rerun;
use super::super::reader::{Manager, pool};
use super::super::{Db, OpenError, StoreError, StoreSettings, Tx};

/// Runs of one write before it is refused as busy.
const MOST_RUNS: u32 = 20;

pub(in super::super) struct Serializable {
    pool: r2d2::Pool<Manager>,
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    patience: Duration,
}

enum Run<T, E> {
    Done(Result<T, E>),
    Again,
}

impl Serializable {
    pub(super) fn open(settings: &StoreSettings, module: &'static str) -> Result<Self, OpenError> {
        Ok(Self {
            pool: pool(settings, module, settings.connections)?,
            turns: Arc::new(Semaphore::new(usize::try_from(settings.connections).unwrap_or(1))),
            places: Arc::new(Semaphore::new(settings.queue)),
            patience: settings.patience,
        })
    }

    pub(super) async fn run<T, E, F>(&self, change: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let _place = self.places.try_acquire().map_err(|_full| StoreError::Busy)?;
        let turn = tokio::time::timeout(self.patience, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_too_late| StoreError::Busy)?
            .map_err(|_closed| StoreError::Closed)?;
        let pool = self.pool.clone();
        let written = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let mut db = pool.get().map_err(|error| E::from(StoreError::Unreachable(error.to_string())))?;
            for _ in 0..MOST_RUNS {
                match run_once(&mut db, &change) {
                    Run::Done(result) => return result,
                    Run::Again => metrics::counter!("banyan_store_reruns_total").increment(1),
                }
            }
            Err(StoreError::Busy.into())
        });
        match written.await {
            Ok(result) => result,
            Err(_panicked) => Err(StoreError::Panicked.into()),
        }
    }

    pub(super) fn close(&self) {
        self.turns.close();
    }
}

fn run_once<T, E, F>(db: &mut Db, change: &F) -> Run<T, E>
where
    F: Fn(&mut Tx<'_>) -> Result<T, E>,
    E: From<StoreError>,
{
    take_must_rerun();
    if let Err(error) = db.begin_write() {
        return Run::Done(Err(error.into()));
    }
    let result = catch_unwind(AssertUnwindSafe(|| db.inside(change)))
        .unwrap_or_else(|_panic| Err(StoreError::Panicked.into()));
    match result {
        Err(error) => {
            db.rollback();
            if take_must_rerun() { Run::Again } else { Run::Done(Err(error)) }
        }
        Ok(value) => match db.commit() {
            Ok(()) => Run::Done(Ok(value)),
            Err(error) => {
                db.rollback();
                let error = StoreError::from(error);
                match error {
                    _ if take_must_rerun() => Run::Again,
                    StoreError::Query(cause) => Run::Done(Err(StoreError::Unknown(cause).into())),
                    other => Run::Done(Err(other.into())),
                }
            }
        },
    }
}

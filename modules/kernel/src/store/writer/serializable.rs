//! Writes on PostgreSQL: `SERIALIZABLE`, run again when the server finds that two of them crossed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::error::take_must_rerun;
use super::super::lanes::Lanes;
use super::super::{Db, OpenError, Place, StoreError, StoreSettings, Tx};

/// Runs of one write before it is refused as busy.
const MOST_RUNS: u32 = 20;

pub(in super::super) struct Serializable {
    lanes: Lanes,
}

enum Run<T, E> {
    Done(Result<T, E>),
    Again,
}

impl Serializable {
    pub(super) fn open(
        module: &'static str,
        place: &Place,
        settings: &StoreSettings,
    ) -> Result<Self, OpenError> {
        Ok(Self { lanes: Lanes::open(module, place, settings)? })
    }

    pub(super) async fn run<T, E, F>(&self, change: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.lanes
            .run(move |db| {
                for _ in 0..MOST_RUNS {
                    match run_once(db, &change) {
                        Run::Done(result) => return result,
                        Run::Again => metrics::counter!("banyan_store_reruns_total").increment(1),
                    }
                }
                Err(StoreError::Busy.into())
            })
            .await
    }

    pub(super) fn close(&self) {
        self.lanes.close();
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
                    StoreError::Query(cause) => Run::Done(Err(StoreError::Unknown(cause.to_string()).into())),
                    other => Run::Done(Err(other.into())),
                }
            }
        },
    }
}

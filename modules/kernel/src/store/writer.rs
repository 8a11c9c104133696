//! The one place where a store is written.
//!
//! SQLite has one writer at a time, and a durable commit costs an fsync. So one thread takes the writes that wait, runs each in a
//! savepoint of one transaction, commits once, and only then tells them all: the fsync is shared, and no write is
//! acknowledged before it is on disk (group commit, as in PostgreSQL's `commit_delay` and MySQL's binlog group commit).
//!
//! PostgreSQL does this by itself; there a write is a `SERIALIZABLE` transaction that is run again when the server asks for it.

mod batch;
mod serializable;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use diesel::SqliteConnection;
use tokio::sync::oneshot;

use super::{Db, OpenError, Place, StoreError, StoreSettings, StoreUrl, Tx};
use batch::{Closure, Job};
use serializable::Serializable;

/// Another connection to the same file.
fn reopen(url: &StoreUrl, epoch: u64) -> Option<Db> {
    let StoreUrl::Sqlite(path) = url else { return None };
    match super::sqlite::connect(path, epoch) {
        Ok(connection) => Some(Db::Sqlite(connection)),
        Err(error) => {
            log::error!("the writer's connection could not be opened anew: {error}");
            None
        }
    }
}

/// Runs writes.
pub(super) enum Writer {
    /// One thread, group commit.
    Batched {
        /// Taken when the store is closed.
        queue: Mutex<Option<mpsc::SyncSender<Box<dyn Job>>>>,
        thread: Mutex<Option<JoinHandle<()>>>,
        told: Arc<Told>,
    },
    /// A pool, each write a transaction of its own.
    Serializable(Serializable),
}

/// What a writer's thread and its store tell each other.
#[derive(Default)]
pub(super) struct Told {
    /// Whether the last batch failed.
    failing: AtomicBool,
    /// Whether the file stays open in this process when the writer ends.
    stays: AtomicBool,
}

impl Writer {
    pub(super) fn sqlite(
        connection: SqliteConnection,
        module: &'static str,
        place: &Place,
        settings: &StoreSettings,
    ) -> Result<Self, OpenError> {
        let (queue, jobs) = mpsc::sync_channel(settings.queue);
        let (url, epoch) = (place.url.clone(), place.epoch);
        let told = Arc::<Told>::default();
        let telling = Arc::clone(&told);
        let thread = std::thread::Builder::new()
            .name(format!("{module}-writer"))
            .spawn(move || batch::run(Db::Sqlite(connection), epoch, &jobs, &telling, || reopen(&url, epoch)))
            .map_err(|error| OpenError::Unreachable {
                url: place.url.to_string(),
                reason: format!("no thread for writing: {error}"),
            })?;
        Ok(Self::Batched { queue: Mutex::new(Some(queue)), thread: Mutex::new(Some(thread)), told })
    }

    pub(super) fn postgres(
        module: &'static str,
        place: &Place,
        settings: &StoreSettings,
    ) -> Result<Self, OpenError> {
        Serializable::open(module, place, settings).map(Self::Serializable)
    }

    pub(super) async fn run<T, E, F>(&self, change: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match self {
            Self::Serializable(writer) => writer.run(change).await,
            Self::Batched { queue, .. } => {
                let (reply, answer) = oneshot::channel();
                let sent = match &*queue.lock().unwrap_or_else(PoisonError::into_inner) {
                    Some(queue) => queue.try_send(Box::new(Closure::new(change, reply))),
                    None => return Err(StoreError::Closed.into()),
                };
                sent.map_err(|refused| match refused {
                    mpsc::TrySendError::Full(_) => StoreError::Busy,
                    mpsc::TrySendError::Disconnected(_) => StoreError::Closed,
                })?;
                answer.await.unwrap_or_else(|_dropped| Err(StoreError::Closed.into()))
            }
        }
    }

    /// Whether the last batch of writes failed. On PostgreSQL each write stands for itself.
    pub(super) fn is_failing(&self) -> bool {
        match self {
            Self::Batched { told, .. } => told.failing.load(Ordering::Acquire),
            Self::Serializable(_) => false,
        }
    }

    /// As [`Writer::close`], while another writer has the same file open by now.
    pub(super) fn hand_over(&self) {
        if let Self::Batched { told, .. } = self {
            told.stays.store(true, Ordering::Release);
        }
        self.close();
    }

    pub(super) fn close(&self) {
        match self {
            Self::Serializable(writer) => writer.close(),
            Self::Batched { queue, thread, .. } => {
                // Without its sender the thread finishes what waits, and ends.
                drop(queue.lock().unwrap_or_else(PoisonError::into_inner).take());
                let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
                if thread.is_some_and(|thread| thread.join().is_err()) {
                    log::error!("a writer thread ended in a panic");
                }
            }
        }
    }
}

//! Background work: something that is done again and again, when there is reason to or time has passed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// A running worker.
#[must_use = "a worker ends when it is dropped"]
pub struct Worker {
    name: &'static str,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What one round of work found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// Nothing was left to do; wait for a wake-up or for time to pass.
    Idle,
    /// There may be more to do at once.
    More,
}

impl Worker {
    /// Runs `work` now, whenever `wake` is notified and at the latest `every` so long. Must be called inside a runtime.
    /// `work` is never cut off: a stop waits for the round to end.
    pub fn spawn<F, R>(name: &'static str, every: Duration, wake: Arc<Notify>, work: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Round> + Send,
    {
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            while !*stopped.borrow_and_update() {
                if work().await == Round::More {
                    continue;
                }
                tokio::select! {
                    () = wake.notified() => {}
                    () = tokio::time::sleep(every) => {}
                    changed = stopped.changed() => if changed.is_err() { return },
                }
            }
        });
        Self { name, stop, task }
    }

    /// Lets the present round end, and no further one begin. `false` if it had not ended by `deadline`; it is cut off then.
    pub async fn stop(self, deadline: Instant) -> bool {
        // The task may have ended by itself; then there is nobody to tell.
        self.stop.send_replace(true);
        let abort = self.task.abort_handle();
        if tokio::time::timeout_at(deadline.into(), self.task).await.is_err() {
            log::warn!("{} did not stop in time", self.name);
            abort.abort();
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_worker_works_when_woken_and_stops_when_told() {
        let (rounds, wake) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let (done, mut seen) = watch::channel(0);
        let worker = Worker::spawn("test", Duration::from_secs(3600), Arc::clone(&wake), {
            let rounds = Arc::clone(&rounds);
            move || {
                done.send_replace(rounds.fetch_add(1, Ordering::Relaxed) + 1);
                std::future::ready(Round::Idle)
            }
        });
        seen.wait_for(|rounds| *rounds == 1).await.unwrap();
        wake.notify_one();
        seen.wait_for(|rounds| *rounds == 2).await.unwrap();
        assert!(worker.stop(Instant::now() + Duration::from_secs(5)).await);
        wake.notify_one();
        assert_eq!(rounds.load(Ordering::Relaxed), 2);
    }
}

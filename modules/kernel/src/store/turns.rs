//! A bounded queue in front of a pool: no more threads wait for a connection than there are connections.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::{StoreError, StoreSettings};

/// The queue.
pub(super) struct Turns {
    turns: Arc<Semaphore>,
    places: Semaphore,
    patience: Duration,
}

/// A turn, and the place in the queue that it was waited for in.
pub(super) struct Turn<'a> {
    pub(super) _place: SemaphorePermit<'a>,
    /// To be held by the thread that uses the connection, which may outlive whoever waits for it.
    pub(super) connection: OwnedSemaphorePermit,
}

impl Turns {
    pub(super) fn new(settings: &StoreSettings) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(usize::try_from(settings.connections).unwrap_or(1))),
            places: Semaphore::new(settings.queue),
            patience: settings.patience,
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when too many wait or it took too long, [`StoreError::Closed`] after [`Turns::close`].
    pub(super) async fn wait(&self) -> Result<Turn<'_>, StoreError> {
        let place = self.places.try_acquire().map_err(|_full| StoreError::Busy)?;
        let connection = tokio::time::timeout(self.patience, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_too_late| StoreError::Busy)?
            .map_err(|_closed| StoreError::Closed)?;
        Ok(Turn { _place: place, connection })
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.turns.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreUrl;

    #[tokio::test]
    async fn one_more_than_the_queue_holds_is_refused_at_once_and_one_that_waits_too_long_in_time() {
        let settings = StoreSettings {
            connections: 1,
            queue: 2,
            patience: Duration::from_millis(20),
            ..StoreSettings::new("sqlite:x".parse::<StoreUrl>().unwrap())
        };
        let turns = Turns::new(&settings);
        let first = turns.wait().await.unwrap();
        let (second, third) = tokio::join!(turns.wait(), turns.wait());
        assert!(matches!(second, Err(StoreError::Busy)), "waited too long");
        assert!(matches!(third, Err(StoreError::Busy)), "there was no place");
        drop(first);
        assert!(turns.wait().await.is_ok());
        turns.close();
        assert!(matches!(turns.wait().await, Err(StoreError::Closed)));
    }
}

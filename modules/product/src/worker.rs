//! Tidying: holds that ran out are released, and old tombstones forgotten. Nothing depends on when that happens.

use std::sync::Arc;
use std::time::Duration;

use kernel::Timestamp;
use kernel::worker::{Round, Worker};
use tokio::sync::Notify;

use crate::error::Error;
use crate::service::Service;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Starts the module's workers.
pub(crate) fn start(service: &Service) -> Vec<Worker> {
    let every = Duration::from_secs(service.settings().sweep_every_seconds.max(1));
    let service = service.clone();
    // Nobody wakes it: time alone makes work for it.
    let wake = Arc::new(Notify::new());
    vec![Worker::spawn("product-sweeper", every, wake, move || {
        let service = service.clone();
        async move {
            round(&service).await.unwrap_or_else(|error| {
                log::warn!("holds that ran out could not be released, will try again: {error}");
                Round::Idle
            })
        }
    })]
}

async fn round(service: &Service) -> Result<Round, Error> {
    let settings = service.settings();
    let limit = settings.sweep_batch.max(1);
    let released = service.sweep(limit).await?;
    let age = DAY.saturating_mul(settings.tombstone_days);
    let forgotten = service.forget_released(Timestamp::now().minus(age), limit).await?;
    let full = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(if released == full || forgotten == full { Round::More } else { Round::Idle })
}

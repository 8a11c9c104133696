//! Work in the background: deleting what has expired, following key rotations.

use std::sync::Arc;
use std::time::Duration;

use kernel::Timestamp;
use kernel::worker::{Round, Worker};
use tokio::sync::Notify;

use crate::service::Service;

const EVERY: Duration = Duration::from_secs(60 * 60);

/// Starts the module's workers.
pub(crate) fn start(service: &Service) -> Vec<Worker> {
    let service = service.clone();
    // Nothing wakes it: an hour sooner or later makes no difference.
    let never = Arc::new(Notify::new());
    vec![Worker::spawn("user-upkeep", EVERY, never, move || upkeep(service.clone()))]
}

async fn upkeep(service: Service) -> Round {
    if let Err(error) = service.tend_keys().await {
        log::warn!("the signing keys could not be looked after: {error}");
    }
    match service.delete_expired(Timestamp::now()).await {
        Ok(true) => Round::More,
        Ok(false) => Round::Idle,
        Err(error) => {
            log::warn!("expired logins could not be deleted: {error}");
            Round::Idle
        }
    }
}

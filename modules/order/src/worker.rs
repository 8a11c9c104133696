//! The module's background work: running the sagas that are due, and telling other modules what happened.

use std::sync::Arc;
use std::time::Duration;

use kernel::worker::{Round, Worker};

use crate::service::Service;

/// How often due sagas are looked for when nobody says that there is one: a timer, or a saga that a dead process left.
const EVERY: Duration = Duration::from_secs(1);

/// Starts the work.
pub(crate) fn start(service: &Service) -> Vec<Worker> {
    vec![sagas(service), events(service)]
}

fn events(service: &Service) -> Worker {
    let (wake, service) = (Arc::clone(service.told()), service.clone());
    Worker::spawn("order-events", EVERY, wake, move || {
        let service = service.clone();
        async move {
            service.tell_product().await.unwrap_or_else(|error| {
                log::error!("events could not be delivered, will try again: {error}");
                Round::Idle
            })
        }
    })
}

fn sagas(service: &Service) -> Worker {
    let (wake, service) = (Arc::clone(service.due()), service.clone());
    Worker::spawn("order-sagas", EVERY, wake, move || {
        let service = service.clone();
        async move {
            match service.run_due().await {
                Ok(0) => Round::Idle,
                Ok(_) => Round::More,
                Err(error) => {
                    log::error!("due sagas could not be claimed: {error}");
                    Round::Idle
                }
            }
        }
    })
}

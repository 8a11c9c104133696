//! Delivers this store's events to one consumer.

use std::time::Duration;

use kernel_types::{EventBatch, Timestamp};

use super::{outbox, positions};
use crate::lease;
use crate::store::{Store, StoreError};
use crate::worker::Round;

/// Most events in a batch.
pub const MOST: i64 = 100;

/// The way to one consumer. Clones are the same.
#[derive(Clone)]
pub struct Outlet {
    store: Store,
    source: &'static str,
    consumer: &'static str,
    /// Names this process in leases.
    runner: String,
    /// How long one delivery may take before another process tries.
    lease: Duration,
}

impl Outlet {
    /// From the store of `source` to the module `consumer`. `runner` names this process among those over the store.
    /// A delivery that takes longer than `lease` is given up.
    pub fn new(
        store: Store,
        source: &'static str,
        consumer: &'static str,
        runner: String,
        lease: Duration,
    ) -> Self {
        Self { store, source, consumer, runner, lease }
    }

    /// Sends what the consumer does not have yet, at most a batch, unless another process is about it. `send` gives the
    /// number of the last event that the consumer has.
    ///
    /// # Errors
    /// When the store fails. A consumer that cannot be reached is no error: it is tried again in the next round.
    pub async fn deliver<S>(&self, send: impl FnOnce(EventBatch) -> S) -> Result<Round, StoreError>
    where
        S: Future<Output = Result<i64, String>>,
    {
        let (name, now) = (positions::to(self.consumer), Timestamp::now());
        // Looking costs nothing; leasing is a write.
        let looked = name.clone();
        let waiting = self.store.read(move |db| {
            let position = positions::read(db, &looked)?;
            Ok::<_, StoreError>(!outbox::after(db, position, 1)?.is_empty())
        });
        if !waiting.await? {
            return Ok(Round::Idle);
        }
        let owner = lease::holder(&self.store, &self.runner, now);
        let (leased, lessee, until) = (name.clone(), owner.clone(), now.plus(self.lease));
        let claim = self.store.write(move |tx| {
            if !positions::lease(tx, &leased, &lessee, now, until)? {
                return Ok::<_, StoreError>(None);
            }
            let position = positions::read(tx, &leased)?;
            Ok(Some((position, outbox::after(tx, position, MOST)?)))
        });
        let Some((position, events)) = claim.await? else { return Ok(Round::Idle) };
        let batch = EventBatch { source: self.source.to_owned(), events };
        crate::faults::point("events.before.send").await;
        let heard = match tokio::time::timeout(self.lease, send(batch)).await {
            Ok(heard) => heard,
            Err(_late) => Err("no answer in time".to_owned()),
        };
        crate::faults::point("events.sent").await;
        let heard = heard.inspect_err(|error| {
            log::warn!("events after {position} do not reach the {} module: {error}", self.consumer);
        });
        let heard = heard.ok();
        if let Some(sent) = heard.and_then(|heard| u64::try_from(heard - position).ok()) {
            metrics::counter!("banyan_events_delivered_total", "to" => self.consumer).increment(sent);
        }
        self.store
            .write(move |tx| {
                positions::settle(tx, &name, &owner, heard)?;
                outbox::forget(tx, now)
            })
            .await?;
        Ok(if heard.is_some_and(|heard| heard != position) { Round::More } else { Round::Idle })
    }
}

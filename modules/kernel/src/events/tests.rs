use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use kernel_types::{EventBatch, Timestamp};

use super::*;
use crate::store::{Migrations, Store, StoreError, StoreSettings, StoreUrl};
use crate::worker::Round;

const NONE: EmbeddedMigrations = embed_migrations!("../../migrations/kernel/sqlite");

struct Two {
    source: Store,
    consumer: Store,
    _directory: tempfile::TempDir,
}

impl Two {
    fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let open = |module: &'static str| {
            let url = StoreUrl::Sqlite(directory.path().join(format!("{module}.db")));
            let migrations = Migrations { module, sqlite: NONE, postgres: NONE, fenced: true };
            Store::open(&StoreSettings::new(url), Box::leak(Box::new(migrations))).unwrap()
        };
        Self { source: open("source"), consumer: open("consumer"), _directory: directory }
    }

    async fn publish(&self, from: i64, to: i64) {
        for n in from..=to {
            self.source
                .write(move |tx| publish(tx, "thing", "thing.made", &n, Timestamp::now()))
                .await
                .unwrap();
        }
    }

    /// Takes a batch in, and notes what was applied.
    async fn take(&self, batch: EventBatch, seen: &Arc<Mutex<Vec<i64>>>) -> Result<i64, String> {
        let seen = Arc::clone(seen);
        let taken = self.consumer.write(move |tx| {
            take(tx, &batch, |_tx, event| {
                seen.lock().unwrap().push(event.sequence);
                Ok::<_, StoreError>(())
            })
        });
        taken.await.map_err(|error| error.to_string())
    }

    fn outlet(&self, lease: Duration) -> Outlet {
        Outlet::new(self.source.clone(), "source", "consumer", "here".to_owned(), lease)
    }
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn every_event_is_applied_once_and_in_order_although_answers_are_lost() {
    let (two, seen) = (Two::open(), Arc::default());
    two.publish(1, 250).await;
    let outlet = two.outlet(LONG);
    let mut rounds = 0;
    loop {
        rounds += 1;
        // Every second answer is lost on its way back, after the batch was taken in.
        let lost = rounds % 2 == 0;
        let round = outlet.deliver(async |batch| {
            let answer = two.take(batch, &seen).await;
            if lost { Err("the answer was lost".to_owned()) } else { answer }
        });
        if round.await.unwrap() == Round::Idle && !lost {
            break;
        }
    }
    assert_eq!(*seen.lock().unwrap(), (1..=250).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_event_that_was_not_committed_is_not_told_and_leaves_no_gap() {
    let (two, seen) = (Two::open(), Arc::default());
    two.publish(1, 1).await;
    let failed = two.source.write(|tx| {
        publish(tx, "thing", "thing.made", &0, Timestamp::now())?;
        Err::<(), _>(StoreError::Corrupt("wanted".into()))
    });
    assert!(failed.await.is_err());
    two.publish(2, 2).await;
    let round = two.outlet(LONG).deliver(|batch| two.take(batch, &seen)).await;
    assert_eq!((round.unwrap(), seen.lock().unwrap().clone()), (Round::More, vec![1, 2]));
}

#[tokio::test]
async fn what_is_missing_comes_first() {
    let (two, seen) = (Two::open(), Arc::default());
    two.publish(1, 3).await;
    let batch = |from: i64| {
        let events = two.source.read(move |db| outbox::after(db, from, 100));
        async move { EventBatch { source: "source".to_owned(), events: events.await.unwrap() } }
    };
    assert_eq!(two.take(batch(1).await, &seen).await, Ok(0), "2 and 3 came before 1");
    assert!(seen.lock().unwrap().is_empty());
    assert_eq!(two.take(batch(0).await, &seen).await, Ok(3));
    assert_eq!(two.take(batch(1).await, &seen).await, Ok(3), "and again");
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn a_consumer_that_lost_what_it_had_is_sent_it_again() {
    let (two, seen) = (Two::open(), Arc::default());
    two.publish(1, 3).await;
    two.outlet(LONG).deliver(|batch| two.take(batch, &seen)).await.unwrap();
    two.consumer.write(|tx| positions::write(tx, "from:source", 1)).await.unwrap();
    two.publish(4, 4).await;
    for _ in 0..2 {
        two.outlet(LONG).deliver(|batch| two.take(batch, &seen)).await.unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3, 2, 3, 4]);
}

#[tokio::test]
async fn one_process_delivers_at_a_time_and_another_takes_over_when_its_lease_is_over() {
    let (two, seen) = (Two::open(), Arc::default());
    two.publish(1, 1).await;
    // One that was killed with the lease in its hand.
    let (now, until) = (Timestamp::now(), Timestamp::now().plus(LONG));
    two.source.write(move |tx| positions::lease(tx, "to:consumer", "1/dead:1", now, until)).await.unwrap();
    let round = two.outlet(LONG).deliver(|batch| two.take(batch, &seen)).await.unwrap();
    assert_eq!((round, seen.lock().unwrap().len()), (Round::Idle, 0));
    let over = now.minus(LONG);
    let lease = two.source.write(move |tx| {
        positions::settle(tx, "to:consumer", "1/dead:1", None)?;
        positions::lease(tx, "to:consumer", "1/dead:1", over, over)
    });
    assert!(lease.await.unwrap());
    two.outlet(LONG).deliver(|batch| two.take(batch, &seen)).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [1]);
}

#[tokio::test]
async fn events_are_forgotten_when_everybody_has_had_them_for_long() {
    let (two, seen) = (Two::open(), Arc::default());
    let old = Timestamp::now().minus(KEPT + LONG);
    two.source.write(move |tx| publish(tx, "thing", "thing.made", &1, old)).await.unwrap();
    two.publish(2, 2).await;
    let kept = || async { two.source.read(|db| outbox::after(db, 0, 10)).await.unwrap().len() };
    let unreachable = two.outlet(LONG).deliver(async |_batch| Err("nobody there".to_owned())).await;
    assert_eq!((unreachable.unwrap(), kept().await), (Round::Idle, 2), "nothing that was not delivered");
    two.outlet(LONG).deliver(|batch| two.take(batch, &seen)).await.unwrap();
    assert_eq!((kept().await, seen.lock().unwrap().len()), (1, 2));
}

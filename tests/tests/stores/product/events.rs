//! What the order module tells is taken in once.

use kernel::store::StoreUrl;
use kernel::{Event, EventBatch, OrderId, ProductId, Timestamp, UserId};
use order_contract::{ORDER_CONFIRMED, OrderConfirmed};
use system_tests::on_every_engine;

use super::open;

fn confirmed(sequence: i64) -> Event {
    let data = OrderConfirmed {
        order_id: OrderId::new(),
        user_id: UserId::new(),
        product_ids: vec![ProductId::new()],
    };
    Event {
        sequence,
        aggregate: data.order_id.to_string(),
        kind: ORDER_CONFIRMED.to_owned(),
        data: serde_json::to_string(&data).unwrap(),
        at: Timestamp::now(),
    }
}

fn batch(events: Vec<Event>) -> EventBatch {
    EventBatch { source: "order".to_owned(), events }
}

on_every_engine! {
    async fn events_are_taken_in_once_and_in_order_by_any_number_of_processes(url: StoreUrl) {
        let events: Vec<Event> = (1..=20).map(confirmed).collect();
        let processes = [open(&url), open(&url)];
        let takes = (0..20).flat_map(|from| processes.iter().map(move |module| (from, module)));
        let takes = takes.map(|(from, module)| {
            let (service, batch) = (module.service().clone(), batch(events[from..].to_vec()));
            tokio::spawn(async move { service.take_events(batch).await })
        });
        for take in takes.collect::<Vec<_>>() {
            let has = take.await.unwrap().unwrap();
            assert!((0..=20).contains(&has), "{has}");
        }
        let service = processes[0].service();
        assert_eq!(service.take_events(batch(events[18..].to_vec())).await.unwrap(), 20);
        assert_eq!(service.take_events(batch(vec![confirmed(22)])).await.unwrap(), 20, "21 is missing");
    }

    async fn a_batch_with_an_unreadable_event_is_refused_whole(url: StoreUrl) {
        let module = open(&url);
        let broken = Event { data: "{}".to_owned(), ..confirmed(2) };
        assert!(module.service().take_events(batch(vec![confirmed(1), broken])).await.is_err());
        assert_eq!(module.service().take_events(batch(Vec::new())).await.unwrap(), 0);
        let unknown = Event { kind: "order.framed".to_owned(), ..confirmed(2) };
        assert_eq!(module.service().take_events(batch(vec![confirmed(1), unknown])).await.unwrap(), 2);
    }
}

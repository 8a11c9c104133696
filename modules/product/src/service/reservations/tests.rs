//! The rules of stock over random sequences of events, on a real store beside a model of a few lines.

use std::time::Duration;

use kernel::UserId;
use kernel::store::{StoreError, StoreSettings, StoreUrl};
use product_contract::ReserveLine;
use proptest::prelude::*;
use seam::Handle;

use super::*;
use crate::domain::status::ReservationState;
use crate::domain::text::Reason;
use crate::store::variants;
use crate::{Needs, ProductModule, Settings};

const VARIANTS: usize = 3;
const OPENING: i64 = 6;

#[derive(Debug, Clone)]
enum Event {
    Reserve { slot: usize, quantities: [i64; VARIANTS], seconds: u64 },
    Commit { slot: usize },
    Release { slot: usize },
    Adjust { variant: usize, delta: i64 },
    Sweep,
    Wait { seconds: u64 },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let slot = 0..5_usize;
    let event = prop_oneof![
        4 => (slot.clone(), prop::array::uniform3(0..5_i64), 1..6_u64)
            .prop_map(|(slot, quantities, seconds)| Event::Reserve { slot, quantities, seconds }),
        2 => slot.clone().prop_map(|slot| Event::Commit { slot }),
        2 => slot.prop_map(|slot| Event::Release { slot }),
        1 => (0..VARIANTS, -5..5_i64).prop_map(|(variant, delta)| Event::Adjust { variant, delta }),
        1 => Just(Event::Sweep),
        2 => (1..4_u64).prop_map(|seconds| Event::Wait { seconds }),
    ];
    prop::collection::vec(event, 1..40)
}

/// What the store should hold.
#[derive(Debug, Clone, Default)]
struct Model {
    on_hand: [i64; VARIANTS],
    slots: BTreeMap<usize, (ReservationState, [i64; VARIANTS], Timestamp)>,
}

impl Model {
    fn reserved(&self, variant: usize) -> i64 {
        let held = self.slots.values().filter(|(state, ..)| *state == Held);
        held.map(|(_, quantities, _)| quantities[variant]).sum()
    }

    fn free(&self, variant: usize) -> i64 {
        self.on_hand[variant] - self.reserved(variant)
    }

    fn release_expired(&mut self, now: Timestamp, of: impl Fn(&[i64; VARIANTS]) -> bool) {
        for (state, quantities, expires_at) in self.slots.values_mut() {
            if *state == Held && *expires_at <= now && of(quantities) {
                *state = Released;
            }
        }
    }

    /// Says whether the event succeeds; a failure changes nothing.
    fn apply(&mut self, event: &Event, now: Timestamp) -> bool {
        let before = self.clone();
        let done = self.try_apply(event, now);
        if !done {
            *self = before;
        }
        done
    }

    fn try_apply(&mut self, event: &Event, now: Timestamp) -> bool {
        match event {
            Event::Reserve { slot, quantities, seconds } => {
                let until = now.plus(Duration::from_secs(*seconds));
                match self.slots.get_mut(slot) {
                    Some((Released, ..)) => return false,
                    Some((state, known, expires_at)) => {
                        if *state == Held && known == quantities {
                            *expires_at = until.max(*expires_at);
                        }
                        return known == quantities;
                    }
                    None => {}
                }
                let short: Vec<usize> = (0..VARIANTS).filter(|v| self.free(*v) < quantities[*v]).collect();
                self.release_expired(now, |held| short.iter().any(|variant| held[*variant] > 0));
                let covered = (0..VARIANTS).all(|variant| self.free(variant) >= quantities[variant]);
                self.slots.insert(*slot, (Held, *quantities, until));
                covered
            }
            Event::Commit { slot } => match self.slots.get_mut(slot) {
                Some((state @ Held, quantities, _)) => {
                    *state = Committed;
                    for (on_hand, quantity) in self.on_hand.iter_mut().zip(quantities) {
                        *on_hand -= *quantity;
                    }
                    true
                }
                Some((Committed, ..)) => true,
                _ => false,
            },
            Event::Release { slot } => {
                let (state, quantities, _) =
                    self.slots.entry(*slot).or_insert((Released, [0; VARIANTS], now));
                if *state == Committed {
                    for (on_hand, quantity) in self.on_hand.iter_mut().zip(quantities) {
                        *on_hand += *quantity;
                    }
                }
                *state = Released;
                true
            }
            Event::Adjust { variant, delta } => {
                if self.free(*variant) + delta < 0 {
                    self.release_expired(now, |held| held[*variant] > 0);
                }
                self.on_hand[*variant] += delta;
                *delta != 0 && self.free(*variant) >= 0
            }
            Event::Sweep => {
                self.release_expired(now, |_| true);
                true
            }
            Event::Wait { .. } => true,
        }
    }
}

/// A store with three variants.
struct Shop {
    module: ProductModule,
    variants: Vec<VariantId>,
    reservations: Vec<ReservationId>,
    _directory: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = StoreSettings::new(StoreUrl::Sqlite(directory.path().join("product.db")));
        let needs = Needs { orders: Handle::vacant() };
        let module = ProductModule::open(Settings::default(), &settings, needs).unwrap();
        let mut file = "product_slug,product_name,description,category_slug,sku,variant_name,price,currency,stock,status\n".to_owned();
        let skus: Vec<String> = (0..VARIANTS).map(|number| format!("SKU-{number}")).collect();
        for sku in &skus {
            file.push_str(&format!("thing,Thing,,,{sku},{sku},1,EUR,{OPENING},active\n"));
        }
        module.service().import(file.into_bytes(), None).await.unwrap();
        let mut rows = module.service().store().read(move |db| variants::by_skus(db, &skus)).await.unwrap();
        rows.sort_by_key(|row| row.position);
        Self {
            variants: rows.iter().map(|row| row.id).collect(),
            reservations: (0..5).map(|_| ReservationId::new()).collect(),
            module,
            _directory: directory,
        }
    }

    async fn apply(&self, event: &Event, now: Timestamp) -> bool {
        let service = self.module.service();
        match event {
            Event::Reserve { slot, quantities, seconds } => {
                let lines = self.variants.iter().zip(quantities).filter(|(_, quantity)| **quantity > 0);
                let request = Reserve {
                    reservation_id: self.reservations[*slot],
                    lines: lines
                        .map(|(id, quantity)| ReserveLine { variant_id: *id, quantity: *quantity })
                        .collect(),
                    expires_at: now.plus(Duration::from_secs(*seconds)),
                };
                service.reserve_at(request, now).await.is_ok()
            }
            Event::Commit { slot } => service.commit_reservation(self.reservations[*slot]).await.is_ok(),
            Event::Release { slot } => service.release_reservation(self.reservations[*slot]).await.is_ok(),
            Event::Adjust { variant, delta } => {
                let (variant, delta) = (self.variants[*variant], *delta);
                let reason = Reason::parse("counted").unwrap();
                let by = UserId::new();
                let adjusted = service
                    .store()
                    .write(move |tx| super::super::stock::adjust(tx, variant, delta, &reason, by, now));
                adjusted.await.is_ok()
            }
            Event::Sweep => service.sweep_at(100, now).await.is_ok(),
            Event::Wait { .. } => true,
        }
    }

    /// Stock and the sum of the ledger of each variant.
    async fn state(&self) -> Vec<(Stock, i64)> {
        let ids = self.variants.clone();
        self.module
            .service()
            .store()
            .read_snapshot(move |db| {
                let mut state = Vec::new();
                for id in &ids {
                    let stock = stock::find(db, *id)?.unwrap();
                    let moved = movements::list(db, *id, None, 1_000)?;
                    state.push((stock, moved.iter().map(|row| row.delta).sum()));
                }
                Ok::<_, StoreError>(state)
            })
            .await
            .unwrap()
    }
}

async fn play(events: Vec<Event>) -> Result<(), TestCaseError> {
    let shop = Shop::open().await;
    let mut model = Model { on_hand: [OPENING; VARIANTS], ..Model::default() };
    let mut now = Timestamp::now();
    for event in events {
        // A reservation of nothing breaks the contract; that is tested elsewhere.
        if matches!(event, Event::Reserve { quantities, .. } if quantities == [0; VARIANTS]) {
            continue;
        }
        if let Event::Wait { seconds } = event {
            now = now.plus(Duration::from_secs(seconds));
        }
        let expected = model.apply(&event, now);
        prop_assert_eq!(shop.apply(&event, now).await, expected, "{:?} in {:?}", event, model);
        for (variant, (stock, moved)) in shop.state().await.into_iter().enumerate() {
            let expected = Stock { on_hand: model.on_hand[variant], reserved: model.reserved(variant) };
            prop_assert_eq!(stock, expected, "variant {} after {:?}", variant, event);
            prop_assert_eq!(stock.on_hand, moved, "the ledger of variant {}", variant);
            prop_assert!(stock.available() >= 0 && stock.reserved >= 0);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_store_always_holds_what_the_rules_say(events in events()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(play(events))?;
    }
}

//! Customers who use the shop until they are told to stop, and remember what they were told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use system_tests::client::Client;
use system_tests::shop::{Article, Person, Shop};
use tokio::task::JoinHandle;

use crate::desk::{Desk, Manner, Tally};
use crate::visits::{Deed, Goods, visit};

/// Units of what nobody can buy out.
pub(crate) const PLENTY: i64 = 100_000;
/// Units of what is sold out soon.
pub(crate) const SCARCE: i64 = 5;
/// Visits that one customer may fail at before they go: enough to see a pattern.
const ENOUGH: u64 = 3;

/// Customers at work.
pub(crate) struct Customers {
    stop: Arc<AtomicBool>,
    visits: Arc<AtomicU64>,
    goods: Arc<Mutex<Goods>>,
    tally: Arc<Tally>,
    tasks: Vec<JoinHandle<Vec<Deed>>>,
    /// What was put on sale, and how much of it.
    stocked: Vec<(Article, i64)>,
}

/// What they remember.
pub(crate) struct Told {
    /// Whole visits.
    pub(crate) visits: u64,
    /// What came of each checkout.
    pub(crate) deeds: Vec<Deed>,
    /// Requests, and what was wrong with them.
    pub(crate) tally: Arc<Tally>,
    /// What was put on sale, and how much of it.
    pub(crate) stocked: Vec<(Article, i64)>,
}

impl Customers {
    /// Lets so many people in. Each comes back as soon as a visit is over.
    pub(crate) async fn let_in(shop: &Shop, count: usize, manner: Manner) -> Self {
        let goods = Goods {
            plenty: shop.article(PLENTY).await,
            tried: shop.article(PLENTY).await,
            scarce: shop.article(SCARCE).await,
        };
        let stocked = vec![
            (goods.plenty.clone(), PLENTY),
            (goods.tried.clone(), PLENTY),
            (goods.scarce.clone(), SCARCE),
        ];
        let mut people = Vec::new();
        for _ in 0..count {
            people.push(shop.somebody().await);
        }
        let mut customers = Self {
            stop: Arc::default(),
            visits: Arc::default(),
            goods: Arc::new(Mutex::new(goods)),
            tally: Arc::default(),
            tasks: Vec::new(),
            stocked,
        };
        for (number, person) in people.into_iter().enumerate() {
            let task = customers.come(shop.client.clone(), person, manner, number);
            customers.tasks.push(task);
        }
        customers
    }

    fn come(
        &self,
        client: Client,
        mut person: Person,
        manner: Manner,
        first: usize,
    ) -> JoinHandle<Vec<Deed>> {
        let (stop, visits) = (Arc::clone(&self.stop), Arc::clone(&self.visits));
        let (goods, tally) = (Arc::clone(&self.goods), Arc::clone(&self.tally));
        tokio::spawn(async move {
            let (mut deeds, mut failed) = (Vec::new(), 0);
            for turn in first.. {
                if stop.load(Ordering::Relaxed) || failed == ENOUGH {
                    break;
                }
                let goods = goods.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let desk = Desk::new(client.clone(), manner, Arc::clone(&tally));
                match visit(&desk, &mut person, &goods, turn).await {
                    Ok(deed) => deeds.push(deed),
                    Err(_told) => failed += 1,
                }
                visits.fetch_add(1, Ordering::Relaxed);
            }
            deeds
        })
    }

    /// How many visits there were.
    pub(crate) fn visits(&self) -> u64 {
        self.visits.load(Ordering::Relaxed)
    }

    /// Puts something new on sale that will be sold out soon.
    pub(crate) async fn offer_something_scarce(&mut self, shop: &Shop) -> Article {
        let article = shop.article(SCARCE).await;
        self.stocked.push((article.clone(), SCARCE));
        self.goods.lock().unwrap_or_else(PoisonError::into_inner).scarce = article.clone();
        article
    }

    /// Sends them home once their visits are over.
    pub(crate) async fn leave(self) -> Told {
        self.stop.store(true, Ordering::Relaxed);
        let mut deeds = Vec::new();
        for task in self.tasks {
            deeds.extend(task.await.expect("a customer comes back"));
        }
        let visits = self.visits.load(Ordering::Relaxed);
        Told { visits, deeds, tally: self.tally, stocked: self.stocked }
    }
}

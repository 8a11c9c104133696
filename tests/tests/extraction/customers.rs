//! Customers who use the shop until they are told to stop, and keep count.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use system_tests::client::Client;
use system_tests::shop::{Article, Person, fresh_key};
use tokio::task::JoinHandle;

/// Customers at work.
pub(crate) struct Customers {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicU64>,
    tasks: Vec<JoinHandle<Vec<String>>>,
}

/// What they did.
pub(crate) struct Told {
    /// Rounds of browsing, filling a cart and buying.
    pub(crate) rounds: u64,
    /// The orders that were acknowledged as confirmed.
    pub(crate) orders: BTreeSet<String>,
}

impl Customers {
    /// Lets each of `people` browse, fill carts and buy, one after another, each failing at the first answer that is not what it
    /// should be.
    pub(crate) fn let_in(client: &Client, people: &[Person], article: &Article) -> Self {
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let tasks = people.iter().map(|person| {
            let (client, person, article) = (client.clone(), person.clone(), article.clone());
            let (stop, rounds) = (Arc::clone(&stop), Arc::clone(&rounds));
            tokio::spawn(async move {
                let mut orders = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    orders.push(shop(&client, &person, &article).await);
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
                orders
            })
        });
        Self { tasks: tasks.collect(), stop, rounds }
    }

    /// How many rounds they have made.
    pub(crate) fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }

    /// Sends them home.
    pub(crate) async fn leave(self) -> Told {
        self.stop.store(true, Ordering::Relaxed);
        let mut orders = BTreeSet::new();
        for task in self.tasks {
            orders.extend(task.await.expect("no request failed"));
        }
        Told { rounds: self.rounds.load(Ordering::Relaxed), orders }
    }
}

/// Browses, logs in again, buys one, and gives the confirmed order.
async fn shop(client: &Client, person: &Person, article: &Article) -> String {
    let product = format!("/api/v1/products/{}", article.product_id);
    client.get(&product).send().await.expect(200);
    client.get("/api/v1/users/me").bearer(&person.token).send().await.expect(200);
    let cart = client.post("/api/v1/carts").bearer(&person.token).json(&json!({})).send().await.expect(201);
    let cart = text(&cart.body["id"]);
    let item = format!("/api/v1/carts/{cart}/items/{}", article.variant_id);
    client.put(&item).bearer(&person.token).json(&json!({"quantity": 1})).send().await.expect(200);
    let body = json!({"payment": {"provider": "test", "token": "ok"}});
    let checkout = client.post(&format!("/api/v1/carts/{cart}/checkout")).bearer(&person.token).json(&body);
    let order = checkout.key(&fresh_key()).header("prefer", "wait=10").send().await.expect(202).body;
    let order = text(&order["id"]);
    let path = format!("/api/v1/orders/{order}");
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    loop {
        tick.tick().await;
        let now = client.get(&path).bearer(&person.token).send().await.expect(200).body;
        match now["status"].as_str() {
            Some("confirmed") => {
                assert_eq!(now["total"]["amount"], article.price);
                return order;
            }
            Some("cancelled" | "failed") => panic!("an order that should be confirmed is not: {now}"),
            _ => assert!(Instant::now() < deadline, "an order was never confirmed: {now}"),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

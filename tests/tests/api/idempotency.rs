//! One key, one effect.

use std::sync::Arc;

use serde_json::json;
use system_tests::shop::{Shop, fresh_key};

#[tokio::test]
async fn one_key_ten_times_at_once_makes_one_order_and_one_charge() {
    let shop = Arc::new(Shop::open());
    let (person, article) = (shop.somebody().await, shop.article(20).await);
    let cart = shop.cart_with(&person, &article, 1).await;
    let key = fresh_key();
    let requests: Vec<_> = (0..10)
        .map(|_| {
            let (shop, person, cart, key) = (Arc::clone(&shop), person.clone(), cart.clone(), key.clone());
            tokio::spawn(async move {
                let body = json!({"payment": {"provider": "test", "token": "ok"}});
                let request =
                    shop.client.post(&format!("/api/v1/carts/{cart}/checkout")).bearer(&person.token);
                request.key(&key).json(&body).send().await
            })
        })
        .collect();
    let mut orders = Vec::new();
    for request in requests {
        let response = request.await.expect("no panic");
        match response.status {
            202 => orders.push(response.body["id"].as_str().expect("an id").to_owned()),
            409 => {
                assert_eq!(response.error_code(), "IDEMPOTENCY_IN_PROGRESS");
                assert!(response.header("retry-after").is_some());
            }
            other => panic!("{other}: {}", response.text),
        }
    }
    assert!(!orders.is_empty());
    orders.dedup();
    assert_eq!(orders.len(), 1, "{orders:?}");
    let order = shop.settled(&person, &orders[0], &["confirmed"]).await;
    assert_eq!(order["payments"].as_array().map(Vec::len), Some(1));
    assert_eq!(shop.available(&article).await, 19);
    let listed = shop.client.get("/api/v1/orders").bearer(&person.token).send().await.expect(200).body;
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_another_body_is_refused() {
    let shop = Shop::open();
    let (person, article) = (shop.somebody().await, shop.article(20).await);
    let cart = shop.cart_with(&person, &article, 1).await;
    let (path, key) = (format!("/api/v1/carts/{cart}/checkout"), fresh_key());
    let send = |body| shop.client.post(&path).bearer(&person.token).key(&key).json(&body).send();
    let first = send(json!({"payment": {"provider": "test", "token": "ok"}})).await.expect(202);
    assert_eq!(first.header("idempotency-replayed"), None);
    let second = send(json!({"payment": {"token": "ok", "provider": "test"}})).await.expect(202);
    assert_eq!((second.header("idempotency-replayed"), &second.text), (Some("true"), &first.text));
    assert_eq!(second.header("location"), first.header("location"));
    let other = send(json!({"payment": {"provider": "test", "token": "decline"}})).await.expect(422);
    assert_eq!(other.error_code(), "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn keys_of_different_people_do_not_meet() {
    let shop = Shop::open();
    let article = shop.article(20).await;
    let key = fresh_key();
    for _ in 0..2 {
        let person = shop.somebody().await;
        let cart = shop.cart_with(&person, &article, 1).await;
        let body = json!({"payment": {"provider": "test", "token": "ok"}});
        let request = shop.client.post(&format!("/api/v1/carts/{cart}/checkout")).bearer(&person.token);
        let response = request.key(&key).json(&body).send().await.expect(202);
        assert_eq!(response.header("idempotency-replayed"), None);
    }
}

#[tokio::test]
async fn two_tabs_make_one_order_of_one_cart() {
    let shop = Arc::new(Shop::open());
    let (person, article) = (shop.somebody().await, shop.article(20).await);
    let cart = shop.cart_with(&person, &article, 1).await;
    let tabs: Vec<_> = (0..4)
        .map(|_| {
            let (shop, person, cart) = (Arc::clone(&shop), person.clone(), cart.clone());
            tokio::spawn(async move { shop.check_out(&person, &cart, "ok").await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for tab in tabs {
        statuses.push(tab.await.expect("no panic"));
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409, 409, 409]);
    assert_eq!(shop.available(&article).await, 19);
}

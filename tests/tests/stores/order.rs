//! Carts, orders and sagas over both engines: the whole shop runs on the engine, because an order's saga needs the others.

use std::sync::{Arc, OnceLock};

use kernel::store::{StoreSettings, StoreUrl};
use order::OrderModule;
use seam::Handle;
use serde_json::{Value, json};
use system_tests::on_every_engine;
use system_tests::server::ServerOptions;
use system_tests::shop::{Shop, fresh_key};

/// A shop with every module's store on the engine of `url`.
fn shop(url: &StoreUrl) -> Shop {
    let options = ServerOptions::default().setting("BANYAN__ORDER__RETRY_MILLISECONDS", "20");
    Shop::open_with(match url {
        StoreUrl::Sqlite(_) => options.data_dir(directory(url)),
        StoreUrl::Postgres(url) => {
            ["USER", "PRODUCT", "ORDER"].into_iter().fold(options, |options, module| {
                options.setting(&format!("BANYAN__DATA__STORES__{module}"), url)
            })
        }
    })
}

fn directory(url: &StoreUrl) -> std::path::PathBuf {
    match url {
        StoreUrl::Sqlite(path) => path.parent().expect("a directory").to_owned(),
        StoreUrl::Postgres(_) => unreachable!("only asked for files"),
    }
}

/// Where the order module's store of such a shop is.
fn order_store(url: &StoreUrl) -> StoreUrl {
    match url {
        StoreUrl::Sqlite(_) => StoreUrl::Sqlite(directory(url).join("order.db")),
        StoreUrl::Postgres(url) => StoreUrl::Postgres(url.clone()),
    }
}

fn status(order: &Value) -> &str {
    order["status"].as_str().expect("a status")
}

on_every_engine! {
    async fn a_purchase_is_confirmed_and_can_be_undone(url: StoreUrl) {
        let shop = shop(&url);
        let (person, article) = (shop.somebody().await, shop.article(3).await);
        for (token, end) in [("ok", "confirmed"), ("timeout", "confirmed"), ("capture_refused", "cancelled")] {
            let order = shop.buy(&person, &article, token).await;
            let order = shop.settled(&person, order["id"].as_str().expect("an id"), &[end]).await;
            if status(&order) == "confirmed" {
                let path = format!("/api/v1/orders/{}/cancel", order["id"].as_str().expect("an id"));
                let cancel = shop.client.post(&path).bearer(&person.token).key(&fresh_key()).json(&json!({}));
                cancel.send().await.expect(202);
                shop.settled(&person, order["id"].as_str().expect("an id"), &["cancelled"]).await;
            }
            assert_eq!(shop.available(&article).await, 3, "{token}");
        }
    }

    async fn of_eight_buyers_exactly_three_get_three_units(url: StoreUrl) {
        let shop = Arc::new(shop(&url));
        let article = shop.article(3).await;
        let mut carts = Vec::new();
        for _ in 0..8 {
            let person = shop.somebody().await;
            let cart = shop.cart_with(&person, &article, 1).await;
            carts.push((person, cart));
        }
        let orders: Vec<_> = carts
            .into_iter()
            .map(|(person, cart)| {
                let shop = Arc::clone(&shop);
                tokio::spawn(async move {
                    let order = shop.check_out(&person, &cart, "ok").await.expect(202).body;
                    (person, order["id"].as_str().expect("an id").to_owned())
                })
            })
            .collect();
        let mut confirmed = 0;
        for order in orders {
            let (person, id) = order.await.expect("no panic");
            let order = shop.settled(&person, &id, &["confirmed", "rejected"]).await;
            confirmed += i32::from(status(&order) == "confirmed");
        }
        assert_eq!((confirmed, shop.available(&article).await), (3, 0));
    }

    async fn one_key_ten_times_at_once_is_one_order(url: StoreUrl) {
        let shop = Arc::new(shop(&url));
        let (person, article) = (shop.somebody().await, shop.article(20).await);
        let cart = shop.cart_with(&person, &article, 1).await;
        let key = fresh_key();
        let requests: Vec<_> = (0..10)
            .map(|_| {
                let (shop, person, cart, key) = (Arc::clone(&shop), person.clone(), cart.clone(), key.clone());
                tokio::spawn(async move {
                    let body = json!({"payment": {"provider": "test", "token": "ok"}});
                    let request = shop.client.post(&format!("/api/v1/carts/{cart}/checkout")).bearer(&person.token);
                    request.key(&key).json(&body).send().await
                })
            })
            .collect();
        let mut order = None;
        for request in requests {
            let response = request.await.expect("no panic");
            match response.status {
                202 => assert_eq!(*order.get_or_insert(response.body["id"].clone()), response.body["id"]),
                other => assert_eq!((other, response.error_code()), (409, "IDEMPOTENCY_IN_PROGRESS")),
            }
        }
        let order = order.expect("one was taken");
        shop.settled(&person, order.as_str().expect("an id"), &["confirmed"]).await;
        assert_eq!(shop.available(&article).await, 19);
    }

    async fn a_claimed_cart_is_claimed_once_and_its_secret_opens_nothing(url: StoreUrl) {
        let shop = shop(&url);
        let (person, stranger) = (shop.somebody().await, shop.somebody().await);
        let guest = shop.client.post("/api/v1/carts").json(&json!({})).send().await.expect(201).body;
        let path = format!("/api/v1/carts/{}/claim", guest["id"].as_str().expect("an id"));
        let claim = |token: &str| shop.client.post(&path).bearer(token).json(&json!({"guest_token": guest["guest_token"]}));
        let first = claim(&person.token).send().await.expect(200);
        assert_eq!(claim(&person.token).send().await.expect(200).body, first.body);
        claim(&stranger.token).send().await.expect(404);
    }

    async fn a_cart_that_took_another_in_can_be_thrown_away(url: StoreUrl) {
        let shop = shop(&url);
        let (person, article) = (shop.somebody().await, shop.article(9).await);
        let own = shop.cart_with(&person, &article, 1).await;
        let guest = shop.client.post("/api/v1/carts").json(&json!({})).send().await.expect(201).body;
        let claim = shop.client.post(&format!("/api/v1/carts/{}/claim", guest["id"].as_str().expect("an id")));
        let claim = claim.bearer(&person.token).json(&json!({"guest_token": guest["guest_token"]}));
        assert_eq!(claim.send().await.expect(200).body["id"], own.as_str());
        shop.client.delete(&format!("/api/v1/carts/{own}")).bearer(&person.token).send().await.expect(204);
    }

    async fn the_projection_can_be_made_anew_from_the_events(url: StoreUrl) {
        let mut shop = shop(&url);
        let (person, article) = (shop.somebody().await, shop.article(9).await);
        for token in ["ok", "decline", "requires_action"] {
            shop.buy(&person, &article, token).await;
        }
        let before = shop.client.get("/api/v1/orders").bearer(&person.token).send().await.expect(200).body;
        let options = shop.server.options();
        assert!(shop.server.terminate().success());
        let needs = order::Needs {
            users: Handle::vacant(),
            products: Handle::vacant(),
            base_url: Arc::new(OnceLock::new()),
        };
        let store = StoreSettings::new(order_store(&url));
        let module = OrderModule::open(order::Settings::default(), &store, needs).expect("the store opens");
        assert_eq!(module.service().rebuild().await.expect("it rebuilds"), 3);
        kernel::Module::close(&module);
        shop.reopen(options);
        let after = shop.client.get("/api/v1/orders").bearer(&person.token).send().await.expect(200).body;
        assert_eq!(before, after);
    }
}

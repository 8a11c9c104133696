//! The full purchase, as a customer and as a guest.

use serde_json::json;
use system_tests::shop::{Shop, fresh_key};

#[tokio::test]
async fn a_customer_registers_browses_buys_and_reads_the_order_back() {
    let shop = Shop::open();
    let person = shop.somebody().await;

    let found = shop.client.get("/api/v1/products?limit=5&in_stock=true").send().await.expect(200).body;
    let slug = found["data"][0]["slug"].as_str().expect("a slug");
    let product = shop.client.get(&format!("/api/v1/products/{slug}")).send().await.expect(200).body;
    let variant = product["variants"][0]["id"].as_str().expect("an id");

    let cart =
        shop.client.post("/api/v1/carts").bearer(&person.token).json(&json!({})).send().await.expect(201);
    let cart = cart.body["id"].as_str().expect("an id");
    let item = shop.client.put(&format!("/api/v1/carts/{cart}/items/{variant}")).bearer(&person.token);
    let priced = item.json(&json!({"quantity": 2})).send().await.expect(200).body;
    let total = priced["total"]["amount"].as_i64().expect("a total");

    let checkout = shop.client.post(&format!("/api/v1/carts/{cart}/checkout")).bearer(&person.token);
    let order = checkout
        .key(&fresh_key())
        .header("prefer", "wait=10")
        .json(&json!({
            "expected_total": total,
            "payment": {"provider": "test", "token": "ok"},
            "shipping_address": {"name": "S", "line1": "Main St 1", "city": "Town", "postal_code": "1", "country": "DE"},
        }))
        .send()
        .await
        .expect(202);
    let location = order.header("location").expect("a location").to_owned();
    assert_eq!(order.body["status"], "confirmed");
    assert_eq!(order.body["payment_status"], "captured");
    assert_eq!(order.body["payments"][0]["captured"]["amount"], total);

    let read = shop.client.get(&location).bearer(&person.token).send().await.expect(200);
    assert_eq!(read.body, order.body);
    let listed = shop.client.get("/api/v1/orders").bearer(&person.token).send().await.expect(200).body;
    assert_eq!(listed["data"][0]["id"], order.body["id"]);
    let events =
        shop.client.get(&format!("{location}/events")).bearer(&person.token).send().await.expect(200);
    let kinds: Vec<_> =
        events.body["data"].as_array().expect("a list").iter().map(|e| e["kind"].clone()).collect();
    assert_eq!(
        kinds,
        [
            "placed",
            "payment_started",
            "stock_reserved",
            "payment_seen",
            "stock_committed",
            "payment_seen",
            "confirmed"
        ]
    );
}

#[tokio::test]
async fn a_guest_buys_and_sees_the_order_with_the_cart_s_secret() {
    let shop = Shop::open();
    let article = shop.article(3).await;
    let cart = shop.client.post("/api/v1/carts").json(&json!({})).send().await.expect(201).body;
    let (id, secret) = (cart["id"].as_str().expect("an id"), cart["guest_token"].as_str().expect("a secret"));
    let item = shop.client.put(&format!("/api/v1/carts/{id}/items/{}", article.variant_id));
    item.header("x-guest-token", secret).json(&json!({"quantity": 1})).send().await.expect(200);

    let checkout = |body| {
        let request =
            shop.client.post(&format!("/api/v1/carts/{id}/checkout")).header("x-guest-token", secret);
        request.key(&fresh_key()).header("prefer", "wait=10").json(&body)
    };
    let payment = json!({"provider": "test", "token": "ok"});
    let refused = checkout(json!({"payment": payment.clone()})).send().await.expect(422);
    assert_eq!(refused.body["error"]["details"][0]["field"], "email");
    let order =
        checkout(json!({"payment": payment, "email": "guest@people.example"})).send().await.expect(202).body;
    assert_eq!(order["status"], "confirmed");

    let path = format!("/api/v1/orders/{}", order["id"].as_str().expect("an id"));
    shop.client.get(&path).header("x-guest-token", secret).send().await.expect(200);
    shop.client.get(&path).send().await.expect(404);
}

#[tokio::test]
async fn a_guest_s_cart_is_merged_on_login() {
    let shop = Shop::open();
    let (article, other) = (shop.article(9).await, shop.article(9).await);
    let person = shop.somebody().await;
    let own = shop.cart_with(&person, &article, 2).await;

    let guest = shop.client.post("/api/v1/carts").json(&json!({})).send().await.expect(201).body;
    let (id, secret) =
        (guest["id"].as_str().expect("an id"), guest["guest_token"].as_str().expect("a secret"));
    for (wanted, quantity) in [(&article, 3), (&other, 1)] {
        let item = shop.client.put(&format!("/api/v1/carts/{id}/items/{}", wanted.variant_id));
        item.header("x-guest-token", secret).json(&json!({"quantity": quantity})).send().await.expect(200);
    }

    let credentials = json!({"email": person.email, "password": person.password, "guest_token": secret});
    let login = shop.client.post("/api/v1/auth/login").json(&credentials).send().await.expect(200).body;
    assert_eq!(login["cart_id"], own.as_str());
    let token = login["access_token"].as_str().expect("a token");
    let merged = shop.client.get(&format!("/api/v1/carts/{own}")).bearer(token).send().await.expect(200).body;
    let quantities: Vec<_> =
        merged["items"].as_array().expect("items").iter().map(|i| i["quantity"].clone()).collect();
    assert_eq!(quantities, [5, 1]);
    // The guest's secret opens nothing any more.
    shop.client.get(&format!("/api/v1/carts/{id}")).header("x-guest-token", secret).send().await.expect(404);
    shop.client.get(&format!("/api/v1/carts/{own}")).header("x-guest-token", secret).send().await.expect(404);
}

#[tokio::test]
async fn a_total_that_the_buyer_did_not_see_is_refused() {
    let shop = Shop::open();
    let article = shop.article(3).await;
    let person = shop.somebody().await;
    let cart = shop.cart_with(&person, &article, 1).await;
    let checkout = shop.client.post(&format!("/api/v1/carts/{cart}/checkout")).bearer(&person.token);
    let body = json!({"expected_total": article.price - 1, "payment": {"provider": "test", "token": "ok"}});
    let refused = checkout.key(&fresh_key()).json(&body).send().await.expect(409);
    assert_eq!(refused.error_code(), "PRICE_CHANGED");
    assert_eq!(refused.body["error"]["details"][0]["actual"], article.price.to_string());
}

#[tokio::test]
async fn only_a_buyer_may_review() {
    let shop = Shop::open();
    let article = shop.article(3).await;
    let person = shop.somebody().await;
    let path = format!("/api/v1/products/{}/reviews", article.product_id);
    let review = || {
        shop.client
            .post(&path)
            .bearer(&person.token)
            .json(&json!({"rating": 5, "title": "Fine", "body": "It works."}))
    };
    assert_eq!(review().send().await.expect(422).error_code(), "REVIEW_NOT_ALLOWED");
    assert_eq!(shop.buy(&person, &article, "ok").await["status"], "confirmed");
    review().send().await.expect(201);
    assert_eq!(review().send().await.expect(409).error_code(), "ALREADY_REVIEWED");
}

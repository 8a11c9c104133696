//! The test provider's outcomes, each to its end.

use std::time::Duration;

use serde_json::{Value, json};
use system_tests::server::ServerOptions;
use system_tests::shop::{Person, Shop, fresh_key};

/// A shop that tries again quickly.
fn shop() -> Shop {
    Shop::open_with(ServerOptions::default().setting("BANYAN__ORDER__RETRY_MILLISECONDS", "20"))
}

fn id(order: &Value) -> &str {
    order["id"].as_str().expect("an id")
}

async fn post(shop: &Shop, person: &Person, path: &str, body: Value) -> Value {
    let request = shop.client.post(path).bearer(&person.token).key(&fresh_key()).json(&body);
    request.send().await.expect(202).body
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_and_charged_once() {
    let shop = shop();
    let (person, article) = (shop.somebody().await, shop.article(3).await);
    let order = shop.buy(&person, &article, "timeout").await;
    assert_eq!((&order["status"], &order["payment_status"]), (&json!("confirmed"), &json!("captured")));
    assert_eq!(order["payments"].as_array().map(Vec::len), Some(1));
    assert_eq!(shop.available(&article).await, 2);
}

#[tokio::test]
async fn a_declined_payment_can_be_tried_again() {
    let shop = shop();
    let (person, article) = (shop.somebody().await, shop.article(3).await);
    let order = shop.buy(&person, &article, "decline").await;
    assert_eq!((&order["status"], &order["payment_status"]), (&json!("awaiting_payment"), &json!("failed")));
    assert_eq!(order["payments"][0]["decline_code"], "card_declined");
    assert_eq!(shop.available(&article).await, 2, "the stock stays held while the buyer may pay");
    let path = format!("/api/v1/orders/{}/payments", id(&order));
    post(&shop, &person, &path, json!({"provider": "test", "token": "ok"})).await;
    let paid = shop.settled(&person, id(&order), &["confirmed"]).await;
    assert_eq!(paid["payments"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn three_declined_payments_end_the_order_and_free_the_stock() {
    let shop = shop();
    let (person, article) = (shop.somebody().await, shop.article(3).await);
    let order = shop.buy(&person, &article, "decline").await;
    let path = format!("/api/v1/orders/{}/payments", id(&order));
    for attempt in 2..=3 {
        post(&shop, &person, &path, json!({"provider": "test", "token": "decline"})).await;
        let what = format!("payment {attempt} to be declined");
        system_tests::wait::until(Duration::from_secs(20), &what, async || {
            let order =
                shop.settled(&person, id(&order), &["awaiting_payment", "cancelling", "cancelled"]).await;
            (order["payments"][attempt - 1]["state"] == "declined").then_some(())
        })
        .await;
    }
    let ended = shop.settled(&person, id(&order), &["cancelled"]).await;
    assert_eq!(ended["reason"], "payment_declined");
    assert_eq!(shop.available(&article).await, 3);
}

#[tokio::test]
async fn a_payment_that_waits_for_the_buyer_goes_on_by_webhook() {
    let shop = Shop::open_with(ServerOptions::default().setting("BANYAN__ORDER__POLL_SECONDS", "3600"));
    let (person, article) = (shop.somebody().await, shop.article(3).await);
    for (decision, status) in [("approve", "confirmed"), ("decline", "awaiting_payment")] {
        let order = shop.buy(&person, &article, "requires_action").await;
        assert_eq!(order["payment_status"], "requires_action");
        let page = order["payments"][0]["next_action"]["redirect_url"].as_str().expect("a page");
        let page = page.strip_prefix(shop.server.base_url()).expect("a page of this shop");
        assert!(shop.client.get(page).send().await.expect(200).text.contains("19.99 EUR"));
        let form = shop.client.post(page);
        let decided = form.raw("application/x-www-form-urlencoded", format!("decision={decision}"));
        decided.send().await.expect(303);
        // Polling is an hour away: only the webhook can have brought the news.
        let what = format!("{decision} to arrive");
        system_tests::wait::until(Duration::from_secs(20), &what, async || {
            let order = shop.settled(&person, id(&order), &[status]).await;
            (order["payment_status"] != "requires_action").then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_webhook_without_the_provider_s_signature_changes_nothing() {
    let shop = shop();
    for signature in ["", "t=1,v1=00", "t=9999999999,v1=00"] {
        let hook = shop.client.post("/api/v1/webhooks/payments/test").header("test-signature", signature);
        let refused = hook.raw("application/json", r#"{"id":"e","reference":"r"}"#).send().await.expect(400);
        assert_eq!(refused.error_code(), "WEBHOOK_INVALID");
    }
}

#[tokio::test]
async fn a_capture_that_fails_for_the_moment_is_tried_again() {
    let shop = shop();
    let (person, article) = (shop.somebody().await, shop.article(3).await);
    let order = shop.buy(&person, &article, "capture_fails_once").await;
    shop.settled(&person, id(&order), &["confirmed"]).await;
}

#[tokio::test]
async fn a_capture_that_is_refused_undoes_the_order_and_puts_the_stock_back() {
    let shop = shop();
    let (person, article) = (shop.somebody().await, shop.article(3).await);
    let order = shop.buy(&person, &article, "capture_refused").await;
    let ended = shop.settled(&person, id(&order), &["cancelled"]).await;
    assert_eq!((&ended["reason"], &ended["payment_status"]), (&json!("capture_refused"), &json!("failed")));
    assert_eq!(shop.available(&article).await, 3);
}

#[tokio::test]
async fn a_confirmed_order_can_be_cancelled_and_the_money_comes_back() {
    let shop = shop();
    let (person, article) = (shop.somebody().await, shop.article(3).await);
    for token in ["ok", "refund_fails_twice"] {
        let order = shop.buy(&person, &article, token).await;
        assert_eq!(order["status"], "confirmed");
        let path = format!("/api/v1/orders/{}/cancel", id(&order));
        post(&shop, &person, &path, json!({"reason": "changed my mind"})).await;
        let ended = shop.settled(&person, id(&order), &["cancelled"]).await;
        assert_eq!(
            (&ended["payment_status"], &ended["reason"]),
            (&json!("refunded"), &json!("changed my mind"))
        );
        assert_eq!(ended["payments"][0]["refunded"], ended["total"]);
        assert_eq!(shop.available(&article).await, 3);
    }
}

#[tokio::test]
async fn an_order_that_nobody_pays_expires_and_frees_the_stock() {
    let shop = Shop::open_with(ServerOptions::default().setting("BANYAN__ORDER__PAYMENT_SECONDS", "1"));
    let (person, article) = (shop.somebody().await, shop.article(3).await);
    let order = shop.buy(&person, &article, "requires_action").await;
    let ended = shop.settled(&person, id(&order), &["expired"]).await;
    assert_eq!((&ended["reason"], &ended["payment_status"]), (&json!("not_paid_in_time"), &json!("voided")));
    assert_eq!(shop.available(&article).await, 3);
}

#[tokio::test]
async fn a_card_number_is_refused_and_not_logged() {
    let shop = shop();
    let (person, article) = (shop.somebody().await, shop.article(3).await);
    let cart = shop.cart_with(&person, &article, 1).await;
    shop.check_out(&person, &cart, "4242 4242 4242 4242").await.expect(422);
    // Four digits alone may be those of an address or of an id.
    let log = shop.server.log();
    assert!(!log.contains("4242 4242") && !log.contains("42424242"), "{log}");
}

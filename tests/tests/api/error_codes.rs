//! Every error code of the catalogue is provoked over HTTP, and comes with the status that the catalogue says.

use std::collections::BTreeSet;

use kernel::ErrorCode;
use serde_json::{Value, json};
use system_tests::client::{Request, Response};
use system_tests::shop::{Shop, fresh_key};

/// Codes that no client can provoke on a sound single process, and what shows them instead.
const NOT_HERE: &[(ErrorCode, &str)] = &[
    (ErrorCode::Internal, "a fault of the program: there is no request for it"),
    (ErrorCode::Overloaded, "faults::overload: a store that another program keeps locked"),
    (ErrorCode::ModuleUnavailable, "extraction::failures: a node that was killed"),
    (ErrorCode::ModuleTimeout, "no part of one process is slow alone; kernel_types::call maps it"),
    (ErrorCode::Misdirected, "extraction::placing: a node that is asked in another epoch"),
    (ErrorCode::PlacementRefused, "extraction::orders: orders that make no sense"),
    (ErrorCode::UpstreamFailed, "router's own tests: an application that answers nonsense"),
    (ErrorCode::RequestTimeout, "conventions: a body that does not arrive"),
    (ErrorCode::TokenExpired, "the test below"),
    (ErrorCode::IdempotencyInProgress, "idempotency: ten requests at once"),
    (ErrorCode::CurrencyMismatch, "kernel_types::money: no route mixes currencies"),
];

struct Seen(BTreeSet<&'static str>);

impl Seen {
    async fn provoke(&mut self, code: ErrorCode, request: Request) -> Response {
        let response = request.send().await;
        assert_eq!(response.body["error"]["code"], code.name(), "{}", response.text);
        assert_eq!(response.status, code.status(), "{code}");
        assert!(!response.body["error"]["message"].as_str().expect("a message").is_empty());
        self.0.insert(code.name());
        response
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one line a code")]
async fn every_code_comes_with_its_status() {
    use ErrorCode as E;
    let shop = Shop::open();
    let c = &shop.client;
    let (person, operator) = (shop.somebody().await, shop.operator().await);
    let (article, sold_out) = (shop.article(9).await, shop.article(0).await);
    let mut seen = Seen(BTreeSet::new());
    let me = |request: Request| request.bearer(&person.token);
    let staff = |request: Request| request.bearer(&operator.token);
    let effect = |request: Request, body: Value| request.key(&fresh_key()).json(&body);
    let payment = || json!({"payment": {"provider": "test", "token": "ok"}});
    let none = |prefix: &str| format!("{prefix}_00000000000000000000000000");

    // 400
    seen.provoke(E::MalformedJson, c.post("/api/v1/auth/login").raw("application/json", "{")).await;
    seen.provoke(E::UnknownParameter, c.get("/api/v1/products?x=1")).await;
    seen.provoke(E::InvalidParameter, c.get("/api/v1/products?limit=0")).await;
    seen.provoke(E::InvalidCursor, c.get("/api/v1/products?cursor=AAAA")).await;
    let cart = shop.cart_with(&person, &article, 1).await;
    let checkout = format!("/api/v1/carts/{cart}/checkout");
    seen.provoke(E::IdempotencyKeyRequired, me(c.post(&checkout)).json(&payment())).await;
    seen.provoke(E::IdempotencyKeyInvalid, me(c.post(&checkout)).key("short").json(&payment())).await;
    let import = staff(c.post("/api/v1/admin/products/import")).key(&fresh_key());
    seen.provoke(E::MalformedCsv, import.raw("text/csv", "product_slug\nx,y\n")).await;
    let hook = c.post("/api/v1/webhooks/payments/test").raw("application/json", "{}");
    seen.provoke(E::WebhookInvalid, hook).await;

    // 401, 403
    seen.provoke(E::AuthenticationRequired, c.get("/api/v1/users/me")).await;
    let wrong = json!({"email": person.email, "password": "not the password"});
    seen.provoke(E::InvalidCredentials, c.post("/api/v1/auth/login").json(&wrong)).await;
    seen.provoke(E::TokenInvalid, c.get("/api/v1/users/me").bearer("x")).await;
    let other = shop.log_in(&person.email, &person.password).await;
    let refresh = || c.post("/api/v1/auth/refresh").json(&json!({"refresh_token": other.refresh_token}));
    refresh().send().await.expect(200);
    seen.provoke(E::RefreshTokenReused, refresh()).await;
    seen.provoke(E::AccessDenied, me(c.get("/api/v1/admin/orders"))).await;

    // 404, 405
    seen.provoke(E::RouteNotFound, c.get("/nothing")).await;
    seen.provoke(E::UserNotFound, staff(c.get(&format!("/api/v1/users/{}", none("usr"))))).await;
    seen.provoke(E::AddressNotFound, me(c.get(&format!("/api/v1/users/me/addresses/{}", none("adr"))))).await;
    seen.provoke(E::SessionNotFound, me(c.delete(&format!("/api/v1/users/me/sessions/{}", none("ses")))))
        .await;
    seen.provoke(E::ProductNotFound, c.get("/api/v1/products/none")).await;
    let item = format!("/api/v1/carts/{cart}/items/x");
    seen.provoke(E::VariantNotFound, me(c.put(&item)).json(&json!({"quantity": 1}))).await;
    let category = staff(c.delete(&format!("/api/v1/admin/categories/{}", none("cat"))));
    seen.provoke(E::CategoryNotFound, category.header("if-match", "*")).await;
    seen.provoke(E::ReviewNotFound, me(c.delete(&format!("/api/v1/reviews/{}", none("rev"))))).await;
    seen.provoke(E::CartNotFound, me(c.get(&format!("/api/v1/carts/{}", none("crt"))))).await;
    seen.provoke(E::OrderNotFound, me(c.get(&format!("/api/v1/orders/{}", none("ord"))))).await;
    seen.provoke(E::PaymentNotFound, c.get("/test-payments/none")).await;
    seen.provoke(E::ErrorCodeNotFound, c.get("/errors/NONE")).await;
    seen.provoke(E::MethodNotAllowed, c.delete("/healthz")).await;

    // 409
    let taken = json!({"email": person.email, "name": "A", "password": "a-long-enough-secret"});
    seen.provoke(E::EmailTaken, c.post("/api/v1/users").json(&taken)).await;
    let slug = c.get(&format!("/api/v1/products/{}", article.product_id)).send().await.body["slug"].clone();
    let product = json!({"name": "Again", "slug": slug, "variants": [{"sku": fresh_key()}]});
    seen.provoke(E::SlugTaken, effect(staff(c.post("/api/v1/admin/products")), product)).await;
    let variants = format!("/api/v1/admin/products/{}/variants", sold_out.product_id);
    let sku = json!({"sku": slug, "name": "Again"});
    seen.provoke(E::SkuTaken, effect(staff(c.post(&variants)), sku)).await;
    let categories = c.get("/api/v1/categories").send().await.expect(200).body;
    let full = categories["data"].as_array().expect("a list").iter().find(|c| c["product_count"] != 0);
    let full = full.expect("a category with products")["id"].as_str().expect("an id").to_owned();
    let delete = staff(c.delete(&format!("/api/v1/admin/categories/{full}"))).header("if-match", "*");
    seen.provoke(E::CategoryNotEmpty, delete).await;
    let empty = c.post("/api/v1/carts").json(&json!({})).send().await.expect(201).body;
    let secret = empty["guest_token"].as_str().expect("a secret");
    let empty = format!("/api/v1/carts/{}/checkout", empty["id"].as_str().expect("an id"));
    let guest = c.post(&empty).header("x-guest-token", secret);
    seen.provoke(E::CartEmpty, effect(guest, payment())).await;
    let mut dear = payment();
    dear["expected_total"] = json!(1);
    seen.provoke(E::PriceChanged, effect(me(c.post(&checkout)), dear)).await;
    let key = fresh_key();
    let order = me(c.post(&checkout)).key(&key).header("prefer", "wait=10").json(&payment());
    let order = order.send().await.expect(202).body["id"].as_str().expect("an id").to_owned();
    seen.provoke(E::CartCheckedOut, effect(me(c.post(&checkout)), payment())).await;
    let pay = me(c.post(&format!("/api/v1/orders/{order}/payments")));
    seen.provoke(E::OrderNotPayable, effect(pay, json!({"provider": "test", "token": "ok"}))).await;
    let reviews = format!("/api/v1/products/{}/reviews", article.product_id);
    let review = || me(c.post(&reviews)).json(&json!({"rating": 5, "title": "Fine", "body": "It works."}));
    review().send().await.expect(201);
    seen.provoke(E::AlreadyReviewed, review()).await;
    let cancel = || effect(me(c.post(&format!("/api/v1/orders/{order}/cancel"))), json!({}));
    cancel().send().await.expect(202);
    shop.settled(&person, &order, &["cancelled"]).await;
    seen.provoke(E::OrderNotCancellable, cancel()).await;
    let account = format!("/api/v1/admin/users/{}/roles", operator.id);
    let last = staff(c.put(&account)).header("if-match", "*").json(&json!({"roles": []}));
    seen.provoke(E::LastOperator, last).await;

    // 412 to 428
    let admin = format!("/api/v1/admin/products/{}", article.product_id);
    let patch = || staff(c.patch(&admin)).json(&json!({"name": "New"}));
    seen.provoke(E::PreconditionFailed, patch().header("if-match", "\"v0\"")).await;
    seen.provoke(E::PreconditionRequired, patch()).await;
    let large = "x".repeat(300 * 1024);
    seen.provoke(E::RequestTooLarge, c.post("/api/v1/auth/login").raw("application/json", large)).await;
    seen.provoke(E::UnsupportedMediaType, c.post("/api/v1/auth/login").raw("text/plain", "{}")).await;
    let invalid = json!({"email": "no address", "name": "", "password": "short"});
    let invalid = seen.provoke(E::ValidationFailed, c.post("/api/v1/users").json(&invalid)).await;
    assert_eq!(invalid.body["error"]["details"].as_array().map(Vec::len), Some(3), "all at once");
    let reused =
        me(c.post(&checkout)).key(&key).json(&json!({"payment": {"provider": "test", "token": "x"}}));
    seen.provoke(E::IdempotencyKeyReused, reused).await;
    let stock = format!("/api/v1/admin/stock/{}/adjustments", sold_out.variant_id);
    let adjust = effect(staff(c.post(&stock)), json!({"delta": -1, "reason": "lost"}));
    seen.provoke(E::InsufficientStock, adjust).await;
    let yen = c.post("/api/v1/carts").json(&json!({"currency": "JPY"})).send().await.expect(201).body;
    let secret = yen["guest_token"].as_str().expect("a secret");
    let item = format!("/api/v1/carts/{}/items/{}", yen["id"].as_str().expect("an id"), article.variant_id);
    let item = c.put(&item).header("x-guest-token", secret).json(&json!({"quantity": 1}));
    seen.provoke(E::NotForSale, item).await;
    let stranger = shop.somebody().await;
    let review =
        c.post(&reviews).bearer(&stranger.token).json(&json!({"rating": 5, "title": "F", "body": "B"}));
    seen.provoke(E::ReviewNotAllowed, review).await;

    // 429
    for _ in 0..40 {
        let guess = json!({"email": stranger.email, "password": "not the password"});
        let guess = c.post("/api/v1/auth/login").json(&guess).send().await;
        if guess.status == 429 {
            assert!(guess.header("retry-after").is_some());
            seen.0.insert(guess.body["error"]["code"].as_str().map_or("", |_| E::RateLimited.name()));
            break;
        }
    }

    let missing: Vec<_> = ErrorCode::ALL
        .iter()
        .filter(|code| !seen.0.contains(code.name()) && !NOT_HERE.iter().any(|(other, _)| other == *code))
        .collect();
    assert!(missing.is_empty(), "never provoked: {missing:?}");
}

/// Signs a token of the person's that ended a second ago, with the key that the user module keeps.
fn expired_token(shop: &Shop, token: &str) -> String {
    use base64::Engine as _;
    use diesel::prelude::*;
    use jsonwebtoken::{Algorithm, EncodingKey, Header};
    diesel::table! {
        signing_keys (kid) {
            kid -> Text,
            private_key -> Text,
        }
    }
    let path = shop.server.data_dir().join("user.db");
    let mut store =
        diesel::SqliteConnection::establish(path.to_str().expect("a path")).expect("the store opens");
    let (kid, key): (String, String) = signing_keys::table
        .select((signing_keys::kid, signing_keys::private_key))
        .first(&mut store)
        .expect("a key");
    let key = base64::engine::general_purpose::STANDARD.decode(key).expect("base64");
    let claims = token.split('.').nth(1).expect("claims");
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    let mut claims: Value = serde_json::from_slice(&claims).expect("JSON");
    claims["exp"] = json!(kernel::Timestamp::now().seconds() - 1);
    let header = Header { typ: Some("at+jwt".to_owned()), kid: Some(kid), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(&key)).expect("a token")
}

#[tokio::test]
async fn a_token_ends_with_its_lifetime() {
    let shop = Shop::open();
    let person = shop.somebody().await;
    let token = expired_token(&shop, &person.token);
    let refused = shop.client.get("/api/v1/users/me").bearer(&token).send().await.expect(401);
    assert_eq!(refused.error_code(), "TOKEN_EXPIRED");
}

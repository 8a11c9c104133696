//! Nobody reaches what is another's, on any route (OWASP API1:2023, broken object level authorization).
//!
//! The routes come from the OpenAPI document, so that a new one is tried as soon as it exists; a path parameter that this test does
//! not know makes it fail.

use serde_json::{Value, json};
use system_tests::shop::{Person, Shop, fresh_key};

/// Ids of things that belong to one person.
struct Belongings {
    address: String,
    session: String,
    cart: String,
    order: String,
    review: String,
    product: String,
    variant: String,
    user: String,
}

async fn belongings(shop: &Shop, person: &Person) -> Belongings {
    let article = shop.article(9).await;
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    let order = text(&shop.buy(person, &article, "ok").await["id"]);
    let path = format!("/api/v1/products/{}/reviews", article.product_id);
    let review = shop.client.post(&path).bearer(&person.token);
    let review =
        review.json(&json!({"rating": 4, "title": "Good", "body": "As said."})).send().await.expect(201);
    let address =
        json!({"name": "P", "line1": "Main St 1", "city": "Town", "postal_code": "12345", "country": "DE"});
    let address = shop.client.post("/api/v1/users/me/addresses").bearer(&person.token).json(&address);
    let sessions =
        shop.client.get("/api/v1/users/me/sessions").bearer(&person.token).send().await.expect(200).body;
    Belongings {
        address: text(&address.send().await.expect(201).body["id"]),
        session: text(&sessions["data"][0]["id"]),
        cart: shop.cart_with(person, &article, 1).await,
        order,
        review: text(&review.body["id"]),
        product: article.product_id,
        variant: article.variant_id,
        user: person.id.clone(),
    }
}

/// Routes whose objects are everybody's to see.
fn is_public(method: &str, path: &str) -> bool {
    path.starts_with("/test-payments/")
        || path.starts_with("/errors/")
        || path.starts_with("/bff/")
        || path.starts_with("/api/v1/webhooks/")
        || (path.starts_with("/api/v1/products/") && (method == "get" || path.ends_with("/reviews")))
}

/// The path with the owner's ids in it.
fn concrete(path: &str, of: &Belongings) -> String {
    let mut parts = Vec::new();
    let mut before = "";
    for part in path.split('/') {
        let id = match (before, part) {
            (_, part) if !part.starts_with('{') => part,
            ("addresses", _) => &of.address,
            ("sessions", _) => &of.session,
            ("carts", _) => &of.cart,
            ("orders", _) => &of.order,
            ("reviews", _) => &of.review,
            ("products", _) => &of.product,
            ("items" | "variants" | "stock", _) => &of.variant,
            ("users", _) => &of.user,
            ("categories", _) => "cat_00000000000000000000000000",
            ("prices", _) => "EUR",
            (before, part) => panic!("{path}: whose is {part} after {before}? Teach this test."),
        };
        parts.push(id.to_owned());
        before = part;
    }
    parts.join("/")
}

/// A body that every route takes as far as it looks before it looks at the owner.
fn body(path: &str) -> Value {
    match path {
        path if path.ends_with("/checkout") => json!({"payment": {"provider": "test", "token": "ok"}}),
        path if path.ends_with("/payments") => json!({"provider": "test", "token": "ok"}),
        path if path.contains("/items/") => json!({"quantity": 1}),
        path if path.ends_with("/claim") => json!({"guest_token": "guess"}),
        path if path.ends_with("/roles") => json!({"roles": ["operator"]}),
        path if path.ends_with("/status") => json!({"disabled": true}),
        path if path.ends_with("/adjustments") => json!({"delta": 1, "reason": "x"}),
        path if path.ends_with("/variants") => json!({"sku": "stolen"}),
        path if path.contains("/prices/") => json!({"amount": 1}),
        _ => json!({}),
    }
}

#[tokio::test]
async fn another_s_objects_are_as_good_as_none_on_every_route() {
    let shop = Shop::open();
    let (owner, stranger) = (shop.somebody().await, shop.somebody().await);
    let of = belongings(&shop, &owner).await;
    let document = shop.client.get("/openapi.json").send().await.expect(200).body;
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("an item").keys().filter(|_| path.contains('{')) {
            if is_public(method, path) {
                continue;
            }
            let target = concrete(path, &of);
            let verb: reqwest::Method = method.to_uppercase().parse().expect("a method");
            for token in [Some(&stranger.token), None] {
                let request =
                    shop.client.request(verb.clone(), &target).key(&fresh_key()).header("if-match", "*");
                let request = match token {
                    Some(token) => request.bearer(token),
                    None => request,
                };
                let request =
                    if method == "get" || method == "delete" { request } else { request.json(&body(path)) };
                let response = request.send().await;
                let allowed: &[u16] = match (path.contains("/admin/") || path == "/api/v1/users/{id}", token)
                {
                    (true, Some(_)) => &[403],
                    (true, None) => &[401],
                    (false, Some(_)) => &[404],
                    (false, None) => &[401, 404],
                };
                assert!(
                    allowed.contains(&response.status),
                    "{method} {target}: {} {}",
                    response.status,
                    response.text
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 30, "only {tried} requests were tried");

    // And nothing has changed for the owner.
    for path in [
        format!("/api/v1/carts/{}", of.cart),
        format!("/api/v1/orders/{}", of.order),
        format!("/api/v1/users/me/addresses/{}", of.address),
    ] {
        shop.client.get(&path).bearer(&owner.token).send().await.expect(200);
    }
    let order = shop.client.get(&format!("/api/v1/orders/{}", of.order)).bearer(&owner.token).send().await;
    assert_eq!(order.body["status"], "confirmed");
}

#[tokio::test]
async fn lists_show_only_one_s_own() {
    let shop = Shop::open();
    let (owner, stranger) = (shop.somebody().await, shop.somebody().await);
    belongings(&shop, &owner).await;
    for path in ["/api/v1/orders", "/api/v1/users/me/addresses"] {
        let list = shop.client.get(path).bearer(&stranger.token).send().await.expect(200).body;
        assert_eq!(list["data"], json!([]), "{path}");
    }
}

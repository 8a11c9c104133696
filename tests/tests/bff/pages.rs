//! What is on a page.

use serde_json::{Value, json};
use system_tests::operator::order;
use system_tests::shop::{Article, Person, Shop, fresh_key};

/// A shop with an article that somebody bought and reviewed and has in their cart again.
async fn used(shop: &Shop) -> (Article, Person) {
    let (article, person) = (shop.article(10).await, shop.somebody().await);
    let bought = shop.buy(&person, &article, "ok").await;
    shop.settled(&person, bought["id"].as_str().expect("an id"), &["confirmed"]).await;
    let review = json!({"rating": 4, "title": "Fine", "body": "It works."});
    let path = format!("/api/v1/products/{}/reviews", article.product_id);
    shop.client.post(&path).bearer(&person.token).key(&fresh_key()).json(&review).send().await.expect(201);
    shop.cart_with(&person, &article, 2).await;
    (article, person)
}

async fn web(shop: &Shop, article: &Article, person: Option<&Person>) -> Value {
    let request = shop.client.get(&format!("/bff/web/products/{}", article.product_id));
    let request = match person {
        Some(person) => request.bearer(&person.token),
        None => request,
    };
    request.send().await.expect(200).body
}

/// The page holds what the modules' own routes say.
async fn is_complete(shop: &Shop, article: &Article, person: &Person) {
    let page = web(shop, article, Some(person)).await;
    let path = format!("/api/v1/products/{}", article.product_id);
    let product = shop.client.get(&path).send().await.expect(200).body;
    for part in
        ["id", "slug", "name", "description", "image_url", "variants", "in_stock", "rating", "created_at"]
    {
        assert_eq!(page["product"][part], product[part], "{part}");
    }
    let reviews = shop.client.get(&format!("{path}/reviews")).send().await.expect(200).body;
    let review = &reviews["data"][0];
    for part in ["id", "author_id", "rating", "title", "body", "created_at"] {
        assert_eq!(page["reviews"][0][part], review[part], "{part}");
    }
    let me = shop.client.get("/api/v1/users/me").bearer(&person.token).send().await.expect(200).body;
    assert_eq!(page["customer"], json!({"id": me["id"], "name": me["name"]}));
    assert_eq!(page["cart"], json!({"lines": 1, "units": 2}));
    assert_eq!(
        (&page["bought"], &page["missing"], &page["stale_seconds"]),
        (&json!(true), &json!([]), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_holds_what_the_modules_know_wherever_they_are() {
    let shop = Shop::open();
    let (article, person) = used(&shop).await;
    is_complete(&shop, &article, &person).await;
    for module in ["user", "product", "order"] {
        order(&shop.server, &["extract", module, "--spawn", "--weights", "100", "--hold", "0ms"]);
        is_complete(&shop, &article, &person).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobodys_page_has_no_personal_part_and_misses_none() {
    let shop = Shop::open();
    let (article, person) = used(&shop).await;
    let page = web(&shop, &article, None).await;
    assert_eq!(page["reviews"].as_array().expect("reviews").len(), 1);
    for part in ["customer", "cart", "bought"] {
        assert_eq!(page[part], Value::Null, "{part}");
    }
    assert_eq!(page["missing"], json!([]));
    let somebody_else = shop.somebody().await;
    let page = web(&shop, &article, Some(&somebody_else)).await;
    assert_eq!((&page["cart"], &page["bought"]), (&json!({"lines": 0, "units": 0}), &json!(false)));
    assert_ne!(page["customer"]["id"], web(&shop, &article, Some(&person)).await["customer"]["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apps_page_is_smaller_and_in_one_currency() {
    let shop = Shop::open();
    let (article, person) = used(&shop).await;
    let path = format!("/bff/mobile/products/{}", article.product_id);
    let page = shop.client.get(&path).bearer(&person.token).send().await.expect(200).body;
    assert_eq!(page["variants"][0]["price"], json!({"amount": article.price, "currency": "EUR"}));
    assert_eq!((&page["variants"][0]["in_stock"], &page["cart_units"]), (&json!(true), &json!(2)));
    assert_eq!((&page["rating"], &page["missing"]), (&json!("4.00"), &json!([])));
    assert!(page.get("description").is_none() && page.get("reviews").is_none());
    let yen = shop.client.get(&format!("{path}?currency=JPY")).send().await.expect(200).body;
    assert_eq!((&yen["variants"][0]["price"], &yen["cart_units"]), (&Value::Null, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_keep_the_conventions_of_the_public_interface() {
    let shop = Shop::open();
    let (article, _) = used(&shop).await;
    for client in ["web", "mobile"] {
        let path = format!("/bff/{client}/products/{}", article.product_id);
        let page = shop.client.get(&path).send().await.expect(200);
        assert_eq!(page.header("cache-control"), Some("private, no-cache"));
        let tag = page.header("etag").expect("a tag").to_owned();
        shop.client.get(&path).header("if-none-match", &tag).send().await.expect(304);
        let unknown = shop.client.get(&format!("{path}?colour=green")).send().await.expect(400);
        assert_eq!(unknown.error_code(), "UNKNOWN_PARAMETER");
        let forged = shop.client.get(&path).bearer("made.up.token").send().await.expect(401);
        assert_eq!(forged.error_code(), "TOKEN_INVALID");
        for nothing in ["no-such-product", "Not a name"] {
            let nothing = nothing.replace(' ', "%20");
            let none = shop.client.get(&format!("/bff/{client}/products/{nothing}")).send().await.expect(404);
            assert_eq!(none.error_code(), "PRODUCT_NOT_FOUND");
        }
    }
}

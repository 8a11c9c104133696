//! What a client sees of the public catalogue, over a real store.

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, ETAG, IF_NONE_MATCH, LINK};
use actix_web::{App, test};
use kernel::Module as _;
use kernel::store::{StoreSettings, StoreUrl};
use seam::Handle;
use serde_json::{Value, json};
use utoipa_actix_web::AppExt as _;

use crate::{Needs, ProductModule, Settings};

/// The sample catalogue behind the module's routes. A macro, because the service's type has no name.
macro_rules! shop {
    ($directory:ident) => {{
        let settings = StoreSettings::new(StoreUrl::Sqlite($directory.path().join("product.db")));
        let needs = Needs { orders: Handle::vacant() };
        let module = ProductModule::open(Settings::default(), &settings, needs).unwrap();
        module.seed(None).await.unwrap();
        let app = App::new().into_utoipa_app().configure(|config| module.routes(config)).into_app();
        test::init_service(app).await
    }};
}

/// Status, headers and JSON body of a GET, with a header if there is one.
macro_rules! get {
    ($shop:ident, $path:expr $(, $name:ident: $value:expr)?) => {{
        let request = test::TestRequest::get().uri($path)$(.insert_header(($name, $value)))?;
        let response = test::call_service(&$shop, request.to_request()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = test::read_body(response).await;
        (status, headers, serde_json::from_slice::<Value>(&body).unwrap_or_default())
    }};
}

fn slugs(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|item| item["slug"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn a_product_is_found_listed_and_read_and_may_be_kept_for_a_minute() {
    let directory = tempfile::tempdir().unwrap();
    let shop = shop!(directory);
    let (status, headers, found) = get!(shop, "/api/v1/products?q=mug%20stone&currency=USD");
    assert_eq!((status, slugs(&found)), (200, vec!["stoneware-mug"]));
    assert_eq!(found["data"][0]["price"], json!({"amount": 1450, "currency": "USD"}));
    assert_eq!(headers.get(CACHE_CONTROL).unwrap(), "public, max-age=60");

    let (_, headers, mug) = get!(shop, "/api/v1/products/stoneware-mug");
    assert_eq!(mug["category"]["name"], "Coffee and tea");
    assert_eq!(mug["rating"], json!({"average": null, "count": 0}));
    assert_eq!((mug["variants"].as_array().unwrap().len(), &mug["in_stock"]), (3, &json!(true)));
    let tag = headers.get(ETAG).unwrap();
    let by_id = format!("/api/v1/products/{}", mug["id"].as_str().unwrap());
    let (status, headers, _) = get!(shop, &by_id, IF_NONE_MATCH: tag.clone());
    assert_eq!(status, 304);
    assert_eq!(headers.get(CACHE_CONTROL).unwrap(), "public, max-age=60");

    let (_, headers, available) = get!(shop, &format!("{by_id}/availability"));
    assert_eq!(headers.get(CACHE_CONTROL).unwrap(), "no-store");
    assert_eq!(available["variants"][0]["available"], mug["variants"][0]["available"]);
}

#[actix_web::test]
async fn what_somebody_gets_who_logged_in_is_not_kept_by_others() {
    let directory = tempfile::tempdir().unwrap();
    let shop = shop!(directory);
    let (_, headers, _) = get!(shop, "/api/v1/categories", AUTHORIZATION: "Bearer token");
    assert_eq!(headers.get(CACHE_CONTROL).unwrap(), "private, no-store");
}

#[actix_web::test]
async fn a_list_goes_on_where_its_link_says_and_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    let shop = shop!(directory);
    let (_, headers, first) = get!(shop, "/api/v1/products?sort=name&limit=50&category=home");
    let link = headers.get(LINK).map(|link| link.to_str().unwrap().to_owned());
    assert_eq!(link.is_some(), first["page"]["has_more"].as_bool().unwrap());
    let (_, headers, first) = get!(shop, "/api/v1/products?sort=-price&limit=2");
    let link = headers.get(LINK).unwrap().to_str().unwrap().to_owned();
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    let (status, _, second) = get!(shop, next);
    assert_eq!(status, 200);
    assert!(slugs(&second).iter().all(|slug| !slugs(&first).contains(slug)));
    let cursor = first["page"]["next_cursor"].as_str().unwrap();
    let (status, _, error) = get!(shop, &format!("/api/v1/products?sort=price&limit=2&cursor={cursor}"));
    assert_eq!((status, &error["error"]["code"]), (400, &json!("INVALID_CURSOR")));
}

#[actix_web::test]
async fn filters_are_checked() {
    let directory = tempfile::tempdir().unwrap();
    let shop = shop!(directory);
    for (query, code) in [
        ("colour=red", "UNKNOWN_PARAMETER"),
        ("sort=colour", "INVALID_PARAMETER"),
        ("limit=101", "INVALID_PARAMETER"),
        ("price%5Bgte%5D=-1", "INVALID_PARAMETER"),
        ("rating%5Bgte%5D=6", "INVALID_PARAMETER"),
        ("currency=EURO", "INVALID_PARAMETER"),
        ("in_stock=perhaps", "INVALID_PARAMETER"),
        ("ids=1,2", "INVALID_PARAMETER"),
        ("category=%00", "INVALID_PARAMETER"),
    ] {
        let (status, _, error) = get!(shop, &format!("/api/v1/products?{query}"));
        assert_eq!((status, &error["error"]["code"]), (400, &json!(code)), "{query}");
    }
    for path in ["/api/v1/products/none", "/api/v1/products/%00", "/api/v1/products/none/reviews"] {
        let (status, _, error) = get!(shop, path);
        assert_eq!((status, &error["error"]["code"]), (404, &json!("PRODUCT_NOT_FOUND")), "{path}");
    }
    let (_, _, dear) = get!(shop, "/api/v1/products?price%5Bgte%5D=30000&in_stock=true&sort=price");
    assert_eq!(slugs(&dear), ["turntable"]);
}

#[actix_web::test]
async fn a_batch_by_ids_is_one_page() {
    let directory = tempfile::tempdir().unwrap();
    let shop = shop!(directory);
    let (_, _, page) = get!(shop, "/api/v1/products?limit=30");
    let ids: Vec<_> =
        page["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    let (_, _, batch) = get!(shop, &format!("/api/v1/products?ids={}", ids.join(",")));
    assert_eq!((slugs(&batch), &batch["page"]["has_more"]), (slugs(&page), &json!(false)));
}

#[actix_web::test]
async fn staff_routes_need_a_login() {
    let directory = tempfile::tempdir().unwrap();
    let shop = shop!(directory);
    for path in ["/api/v1/admin/products", "/api/v1/admin/products/export", "/api/v1/admin/stock/x"] {
        let (status, _, error) = get!(shop, path);
        assert_eq!((status, &error["error"]["code"]), (401, &json!("AUTHENTICATION_REQUIRED")), "{path}");
    }
}

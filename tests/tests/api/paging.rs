//! Lists stay whole while rows come in.

use std::collections::BTreeSet;

use serde_json::Value;
use system_tests::shop::Shop;

/// Walks a list by its `Link` headers, and does something between two pages.
async fn walk(
    shop: &Shop,
    first: &str,
    token: Option<&str>,
    mut between: impl AsyncFnMut(usize),
) -> Vec<String> {
    let (mut path, mut ids) = (first.to_owned(), Vec::new());
    for page in 0.. {
        assert!(page < 200, "the list does not end");
        let request = shop.client.get(&path);
        let request = token.map_or(request, |token| shop.client.get(&path).bearer(token));
        let response = request.send().await.expect(200);
        let rows = response.body["data"].as_array().expect("rows");
        ids.extend(rows.iter().map(|row: &Value| row["id"].as_str().expect("an id").to_owned()));
        let Some(link) = response.header("link") else {
            assert_eq!(response.body["page"]["has_more"], false);
            break;
        };
        let (target, relation) = link.split_once("; ").expect("a link");
        assert_eq!(relation, "rel=\"next\"");
        path = target.trim_start_matches('<').trim_end_matches('>').to_owned();
        between(page).await;
    }
    ids
}

#[tokio::test]
async fn a_walk_neither_repeats_nor_skips_while_products_are_added() {
    let shop = Shop::open();
    for sort in ["-created_at", "created_at", "price", "-price", "name", "-name"] {
        let first = format!("/api/v1/products?limit=10&sort={sort}");
        let before: BTreeSet<String> = walk(&shop, &first, None, async |_| {}).await.into_iter().collect();
        let walked = walk(&shop, &first, None, async |page| {
            if page < 3 {
                shop.article(1).await;
            }
        })
        .await;
        let distinct: BTreeSet<String> = walked.iter().cloned().collect();
        assert_eq!(distinct.len(), walked.len(), "{sort}: a product came twice");
        assert!(before.is_subset(&distinct), "{sort}: a product was skipped");
    }
}

#[tokio::test]
async fn orders_are_walked_the_newest_first() {
    let shop = Shop::open();
    let (person, article) = (shop.somebody().await, shop.article(50).await);
    let mut placed = Vec::new();
    for _ in 0..7 {
        let order = shop.buy(&person, &article, "ok").await;
        placed.push(order["id"].as_str().expect("an id").to_owned());
    }
    placed.reverse();
    let walked = walk(&shop, "/api/v1/orders?limit=3", Some(&person.token), async |_| {
        shop.buy(&person, &article, "ok").await;
    })
    .await;
    assert_eq!(walked, placed);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_filters_only() {
    let shop = Shop::open();
    let page = shop.client.get("/api/v1/products?limit=5").send().await.expect(200).body;
    let cursor = page["page"]["next_cursor"].as_str().expect("a cursor");
    shop.client.get(&format!("/api/v1/products?limit=9&cursor={cursor}")).send().await.expect(200);
    for query in ["sort=price&limit=5", "in_stock=true", "q=a"] {
        let refused =
            shop.client.get(&format!("/api/v1/products?{query}&cursor={cursor}")).send().await.expect(400);
        assert_eq!(refused.error_code(), "INVALID_CURSOR", "{query}");
    }
}

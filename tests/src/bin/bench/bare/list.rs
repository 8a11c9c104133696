//! `GET /api/v1/products`, with or without `q`.
//!
//! Without: two statements, as `product::store::catalog` runs them for the newest products on sale: 21 rows with their lowest price in
//! euro, and which of them are in stock. The first is written out for this one case, without the composition of optional
//! filters that the module has. With `q` see [`search`].

use std::collections::HashSet;

use actix_web::{HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::product::{Price, Rating};
use super::schema::product::{lowest_prices, products, variant_stock, variants};
use super::{Answer, Failure, Shop, search, with};

/// Rows of a page.
pub(super) const LIMIT: usize = 20;
/// Rows asked for: one more tells that there is a next page.
pub(super) const ONE_MORE: i64 = 21;

#[derive(Deserialize)]
pub(super) struct Parameters {
    q: Option<String>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = products)]
#[expect(dead_code, reason = "the module reads these columns, so they are read here, too")]
pub(super) struct ListRow {
    pub(super) id: String,
    slug: String,
    name: String,
    name_key: String,
    image_url: Option<String>,
    category_id: Option<String>,
    status: String,
    version: i32,
    created_at: Timestamp,
    rating_count: i64,
    rating_hundredths: i32,
}

/// A product and its lowest price.
pub(super) type Row = (ListRow, Option<i64>);

/// Rows, the ids of those in stock, and where the page ends if there is another.
type Found = (Vec<Row>, HashSet<String>, Option<Position>);

#[derive(Serialize)]
struct Item {
    id: String,
    slug: String,
    name: String,
    image_url: Option<String>,
    category_id: Option<String>,
    price: Option<Price>,
    in_stock: bool,
    rating: Rating,
    created_at: Timestamp,
}

#[derive(Serialize)]
struct Page {
    data: Vec<Item>,
    page: PageInfo,
}

#[derive(Serialize)]
struct PageInfo {
    next_cursor: Option<String>,
    has_more: bool,
}

/// Where a page ended.
#[derive(Serialize)]
pub(super) struct Position {
    pub(super) key: i64,
    pub(super) id: String,
}

pub(super) async fn list_products(shop: web::Data<Shop>, parameters: web::Query<Parameters>) -> Answer {
    let words = match &parameters.q {
        Some(q) => product::service::parse_query(q).map_err(super::other)?,
        None => None,
    };
    let (rows, in_stock, last): Found = with(&shop.product, move |conn| {
        let (rows, last) = match words {
            Some(words) => search::ranked(conn, &words)?,
            None => newest(conn)?,
        };
        let in_stock = in_stock(conn, &rows)?;
        Ok((rows, in_stock, last))
    })
    .await?;
    let next_cursor = match last {
        Some(last) => {
            Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&last).map_err(actix_web::Error::from)?))
        }
        None => None,
    };
    let data = rows.into_iter().take(LIMIT).map(|row| Item::of(row, &in_stock)).collect();
    let page = PageInfo { has_more: next_cursor.is_some(), next_cursor };
    Ok(HttpResponse::Ok().json(Page { data, page }))
}

/// The last row of the page, if there is another page behind it.
pub(super) fn position(rows: &[Row], key: impl FnOnce(&Row) -> i64) -> Option<Position> {
    let last = rows.get(LIMIT - 1).filter(|_| rows.len() > LIMIT)?;
    Some(Position { key: key(last), id: last.0.id.clone() })
}

fn newest(conn: &mut SqliteConnection) -> Result<(Vec<Row>, Option<Position>), Failure> {
    let rows: Vec<Row> = products::table
        .left_join(
            lowest_prices::table
                .on(lowest_prices::product_id.eq(products::id).and(lowest_prices::currency.eq("EUR"))),
        )
        .select((ListRow::as_select(), lowest_prices::amount.nullable()))
        .filter(products::status.eq("active"))
        .order((products::created_at.desc(), products::id.desc()))
        .limit(ONE_MORE)
        .load(conn)?;
    let last = position(&rows, |(product, _)| product.created_at.micros());
    Ok((rows, last))
}

/// Which of the products have a variant in stock.
fn in_stock(conn: &mut SqliteConnection, rows: &[Row]) -> Result<HashSet<String>, Failure> {
    let ids: Vec<&String> = rows.iter().map(|(product, _)| &product.id).collect();
    let found: Vec<String> = variants::table
        .inner_join(variant_stock::table)
        .filter(variants::product_id.eq_any(ids))
        .filter(variants::status.eq("active"))
        .filter(variant_stock::on_hand.gt(variant_stock::reserved))
        .select(variants::product_id)
        .load(conn)?;
    Ok(found.into_iter().collect())
}

impl Item {
    fn of((product, lowest): Row, in_stock: &HashSet<String>) -> Self {
        Self {
            in_stock: in_stock.contains(&product.id),
            id: product.id,
            slug: product.slug,
            name: product.name,
            image_url: product.image_url,
            category_id: product.category_id,
            price: lowest.map(|amount| Price { amount, currency: "EUR".to_owned() }),
            rating: Rating::of(product.rating_count, product.rating_hundredths),
            created_at: product.created_at,
        }
    }
}

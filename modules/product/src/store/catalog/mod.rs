//! Lists of products: filters, orders, search.

mod by_column;
mod by_price;
mod by_relevance;
mod narrow;

use std::collections::HashSet;

use diesel::prelude::*;
use kernel::store::{Db, StoreError};
use kernel::{Currency, ProductId, Timestamp, on_each};
use serde::{Deserialize, Serialize};

use crate::domain::CategoryId;
use crate::domain::search::Query;
use crate::domain::status::{ProductStatus, VariantStatus};
use crate::schema::{products, variant_stock, variants};
use by_column::by_column;
use by_price::{End, by_price};
use by_relevance::by_relevance;

/// Which products.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Of this status; of any when there is none.
    pub status: Option<ProductStatus>,
    /// In any of these categories.
    pub categories: Option<Vec<CategoryId>>,
    /// With any of these ids.
    pub ids: Option<Vec<ProductId>>,
    /// Found by these words.
    pub words: Option<Query>,
    /// Currency of the bounds and of what is shown.
    pub currency: Currency,
    /// With a lowest price of at least this.
    pub price_from: Option<i64>,
    /// With a lowest price of at most this.
    pub price_to: Option<i64>,
    /// With a variant in stock, or without.
    pub in_stock: Option<bool>,
    /// With a mean rating of at least this many hundredths of a star.
    pub rating_from: Option<i32>,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// What fits the query best first. Without a query there is nothing to fit: then the newest.
    Relevance,
    /// The newest first.
    Newest,
    /// The oldest first.
    Oldest,
    /// The cheapest first; products without a price in the currency are left out.
    Cheapest,
    /// The dearest first; products without a price in the currency are left out.
    Dearest,
    /// By name.
    Name,
    /// By name, backwards.
    NameBackwards,
    /// The best rated first.
    BestRated,
}

/// Where a page ended: the row's sort key and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The sort key.
    pub key: Key,
    /// The row.
    pub id: ProductId,
}

/// A sort key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// A time, an amount, a rank.
    Number(i64),
    /// A name.
    Text(String),
}

/// A product as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = products)]
pub struct ListRow {
    /// Names it.
    pub id: ProductId,
    /// Names it in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The name as it is sorted.
    pub name_key: String,
    /// Its picture.
    pub image_url: Option<String>,
    /// Where it stands.
    pub category_id: Option<CategoryId>,
    /// Whether it is in the shop.
    pub status: ProductStatus,
    /// Rises with each change.
    pub version: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// How many published reviews it has.
    pub rating_count: i64,
    /// Their mean in hundredths of a star; 0 without any.
    pub rating_hundredths: i32,
}

/// A product of a list, with what was computed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The product.
    pub product: ListRow,
    /// Lowest price in the filter's currency.
    pub lowest: Option<i64>,
    /// Whether a variant is in stock.
    pub in_stock: bool,
    /// How well it fits the query; 0 in any other order.
    pub rank: i64,
}

/// Up to `limit` products behind `after`.
pub fn list(
    db: &mut Db,
    filter: &Filter,
    sort: Sort,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    match (sort, &filter.words) {
        (Sort::Relevance, Some(words)) => by_relevance(db, filter, words, after, limit),
        (Sort::Relevance, None) => by_column(db, filter, Sort::Newest, after, limit),
        (Sort::Cheapest, _) => by_price(db, filter, End::Cheapest, after, limit),
        (Sort::Dearest, _) => by_price(db, filter, End::Dearest, after, limit),
        _ => by_column(db, filter, sort, after, limit),
    }
}

/// The rows with whether each product is in stock. That is a statement of its own: as a column it would be computed by PostgreSQL
/// for every product there is, and by SQLite for every row that is sorted.
fn listed(db: &mut Db, rows: Vec<(ListRow, Option<i64>)>) -> Result<Vec<Listed>, StoreError> {
    let ids: Vec<ProductId> = rows.iter().map(|(product, _)| product.id).collect();
    let in_stock: HashSet<ProductId> = on_each!(db, conn => variants::table
        .inner_join(variant_stock::table)
        .filter(variants::product_id.eq_any(&ids))
        .filter(variants::status.eq(VariantStatus::Active))
        .filter(variant_stock::on_hand.gt(variant_stock::reserved))
        .select(variants::product_id)
        .load(conn))?
    .into_iter()
    .collect();
    let listed = rows.into_iter().map(|(product, lowest)| Listed {
        in_stock: in_stock.contains(&product.id),
        product,
        lowest,
        rank: 0,
    });
    Ok(listed.collect())
}

// === impl Filter ===

impl Filter {
    fn least(&self) -> i64 {
        self.price_from.unwrap_or(0)
    }

    fn most(&self) -> i64 {
        self.price_to.unwrap_or(i64::MAX)
    }
}

// === impl Listed ===

impl Listed {
    /// Where a page in this order ends with this row.
    pub fn position(&self, sort: Sort, searched: bool) -> Position {
        let product = &self.product;
        let key = match sort {
            Sort::Relevance if searched => Key::Number(self.rank),
            Sort::Relevance | Sort::Newest | Sort::Oldest => Key::Number(product.created_at.micros()),
            Sort::Cheapest | Sort::Dearest => Key::Number(self.lowest.unwrap_or(0)),
            Sort::Name | Sort::NameBackwards => Key::Text(product.name_key.clone()),
            Sort::BestRated => Key::Number(i64::from(product.rating_hundredths)),
        };
        Position { key, id: product.id }
    }
}

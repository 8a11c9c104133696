//! `GET /api/v1/products?q=…`.
//!
//! Three statements, as `product::store::catalog` runs them by relevance: the ids of the page by rank, their rows, and which of them
//! are in stock. The words are read by the product module's own function: what reading them costs is no structure.

use diesel::dsl::{exists, sum};
use diesel::prelude::*;
use product::service::SearchWords;

use super::Failure;
use super::list::{ListRow, ONE_MORE, Position, Row, position};
use super::schema::product::{lowest_prices, product_terms, products};

diesel::alias!(const HITS: Alias<Hits> = product_terms as hits);

pub(super) fn ranked(
    conn: &mut SqliteConnection,
    words: &SearchWords,
) -> Result<(Vec<Row>, Option<Position>), Failure> {
    let behind = words.behind_prefix();
    let term = || HITS.field(product_terms::term);
    let rank = || sum(HITS.field(product_terms::weight));
    let last = || term().eq(&words.last_stem).or(term().ge(&words.last_prefix).and(term().lt(&behind)));
    let found_in = || HITS.field(product_terms::product_id);

    let mut query = HITS
        .group_by(found_in())
        .select((found_in(), rank()))
        .order((rank().desc(), found_in()))
        .limit(ONE_MORE)
        .into_boxed();
    query = if words.stems.is_empty() {
        query.filter(last())
    } else {
        let with = product_terms::table.filter(
            product_terms::term
                .eq(&words.last_stem)
                .or(product_terms::term.ge(&words.last_prefix).and(product_terms::term.lt(&behind))),
        );
        query
            .filter(term().eq_any(&words.stems).or(last()))
            .filter(found_in().eq_any(with.select(product_terms::product_id)))
    };
    for stem in &words.stems {
        let with = product_terms::table.filter(product_terms::term.eq(stem));
        query = query.filter(found_in().eq_any(with.select(product_terms::product_id)));
    }
    let on_sale = products::table.filter(products::id.eq(found_in())).filter(products::status.eq("active"));
    let ranked: Vec<(String, Option<i64>)> = query.filter(exists(on_sale)).load(conn)?;

    let ids: Vec<&String> = ranked.iter().map(|(id, _)| id).collect();
    let lowest = lowest_prices::table
        .on(lowest_prices::product_id.eq(products::id).and(lowest_prices::currency.eq("EUR")));
    let mut rows: Vec<Row> = products::table
        .left_join(lowest)
        .select((ListRow::as_select(), lowest_prices::amount.nullable()))
        .filter(products::status.ne_all(["draft", "archived"]))
        .filter(products::id.eq_any(ids))
        .order((products::created_at.desc(), products::id.desc()))
        .limit(ONE_MORE)
        .load(conn)?;
    let rank_of = |row: &Row| {
        let place = ranked.iter().position(|(id, _)| *id == row.0.id);
        (place, place.and_then(|place| ranked.get(place)?.1).unwrap_or(0))
    };
    rows.sort_by_key(|row| rank_of(row).0);
    let last = position(&rows, |row| rank_of(row).1);
    Ok((rows, last))
}

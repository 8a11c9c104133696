//! `GET /api/v1/products?q=…`.
//!
//! Two statements, as `product::store::catalog` runs them by relevance: the ids of the page by rank, then their rows. The words are
//! read by the product module's own function: what reading them costs is no structure.

use diesel::dsl::{exists, sum};
use diesel::prelude::*;
use product::service::SearchWords;

use super::Failure;
use super::list::{ListRow, ONE_MORE, Position, Row, in_stock, position};
use super::schema::product::{lowest_prices, product_terms, products, variant_stock, variants};

diesel::alias!(const HITS: Alias<Hits> = product_terms as hits);

pub(super) fn ranked(
    conn: &mut SqliteConnection,
    words: &SearchWords,
) -> Result<(Vec<Row>, Option<Position>), Failure> {
    let behind = words.behind_prefix();
    let lowest = lowest_prices::table
        .on(lowest_prices::product_id.eq(products::id).and(lowest_prices::currency.eq("EUR")));
    let term = || HITS.field(product_terms::term);
    let rank = || sum(HITS.field(product_terms::weight));
    let last = || term().eq(&words.last_stem).or(term().ge(&words.last_prefix).and(term().lt(&behind)));

    let mut query = products::table
        .inner_join(HITS.on(HITS.field(product_terms::product_id).eq(products::id)))
        .left_join(lowest)
        .filter(term().eq_any(&words.stems).or(last()))
        .group_by(products::id)
        .select((products::id, rank()))
        .order((rank().desc(), products::id))
        .limit(ONE_MORE)
        .into_boxed()
        .filter(products::status.eq("active"));
    for stem in &words.stems {
        let with = product_terms::table.filter(product_terms::term.eq(stem));
        query = query.filter(products::id.eq_any(with.select(product_terms::product_id)));
    }
    if !words.stems.is_empty() {
        let with = product_terms::table.filter(
            product_terms::term
                .eq(&words.last_stem)
                .or(product_terms::term.ge(&words.last_prefix).and(product_terms::term.lt(&behind))),
        );
        query = query.filter(products::id.eq_any(with.select(product_terms::product_id)));
    }
    let ranked: Vec<(String, Option<i64>)> = query.load(conn)?;

    let ids: Vec<&String> = ranked.iter().map(|(id, _)| id).collect();
    let mut rows: Vec<Row> = products::table
        .left_join(lowest)
        .select((ListRow::as_select(), lowest_prices::amount.nullable(), in_stock!()))
        .filter(products::status.eq("active"))
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

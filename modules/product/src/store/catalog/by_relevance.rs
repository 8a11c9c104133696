//! Lists in the order of what fits a query best.

use diesel::dsl::{exists, not, sum};
use diesel::prelude::*;
use kernel::store::{Db, StoreError};
use kernel::{ProductId, on_each};

use super::by_column::by_column;
use super::narrow::{in_stock, last_word};
use super::{Filter, Key, Listed, Position, Sort};
use crate::domain::search::Query;
use crate::domain::status::VariantStatus;
use crate::schema::{lowest_prices, product_terms, products, variant_stock, variants};

diesel::alias!(const HITS: Alias<Hits> = product_terms as hits);

/// Finds the page's ids by rank, then loads them: the rank needs a `GROUP BY` that must not carry every column.
pub(super) fn by_relevance(
    db: &mut Db,
    filter: &Filter,
    words: &Query,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let after = after.and_then(|position| match &position.key {
        Key::Number(rank) => Some((*rank, position.id)),
        Key::Text(_) => None,
    });
    let behind = words.behind_prefix();
    let term = || HITS.field(product_terms::term);
    let rank = || sum(HITS.field(product_terms::weight));
    let last = || term().eq(&words.last_stem).or(term().ge(&words.last_prefix).and(term().lt(&behind)));

    let found_in = || HITS.field(product_terms::product_id);

    // A subquery for each hit, not a join: SQLite, which may have no statistics, would begin a join with all products on sale.
    let hit = || products::table.filter(products::id.eq(found_in()));

    let ranked: Vec<(ProductId, Option<i64>)> = on_each!(db, conn => {
        let mut query = HITS
            .group_by(found_in())
            .select((found_in(), rank()))
            .order((rank().desc(), found_in()))
            .limit(limit)
            .into_boxed();
        query = if words.stems.is_empty() {
            query.filter(last())
        } else {
            // With other words beside it, that one of the terms is found does not mean that the last word is.
            query
                .filter(term().eq_any(&words.stems).or(last()))
                .filter(found_in().eq_any(last_word!(words).select(product_terms::product_id)))
        };
        for stem in &words.stems {
            let with = product_terms::table.filter(product_terms::term.eq(stem));
            query = query.filter(found_in().eq_any(with.select(product_terms::product_id)));
        }
        if let Some(status) = filter.status {
            query = query.filter(exists(hit().filter(products::status.eq(status))));
        }
        if let Some(categories) = &filter.categories {
            query = query.filter(exists(hit().filter(products::category_id.eq_any(categories))));
        }
        if let Some(ids) = &filter.ids {
            query = query.filter(found_in().eq_any(ids));
        }
        if let Some(least) = filter.rating_from {
            query = query.filter(exists(hit().filter(products::rating_hundredths.ge(least))));
        }
        if filter.price_from.is_some() || filter.price_to.is_some() {
            let within = lowest_prices::table
                .filter(lowest_prices::product_id.eq(found_in()))
                .filter(lowest_prices::currency.eq(filter.currency))
                .filter(lowest_prices::amount.between(filter.least(), filter.most()));
            query = query.filter(exists(within));
        }
        query = match filter.in_stock {
            Some(true) => query.filter(in_stock!(found_in())),
            Some(false) => query.filter(not(in_stock!(found_in()))),
            None => query,
        };
        if let Some((key, id)) = after {
            query = query.having(rank().lt(key).or(rank().eq(key).and(found_in().gt(id))));
        }
        query.load(conn)
    })?;

    let ids: Vec<ProductId> = ranked.iter().map(|(id, _)| *id).collect();
    let page = Filter { ids: Some(ids), words: None, ..filter.clone() };
    let mut found = by_column(db, &page, Sort::Newest, None, limit)?;
    for listed in &mut found {
        let rank = ranked.iter().find(|(id, _)| *id == listed.product.id).and_then(|(_, rank)| *rank);
        listed.rank = rank.unwrap_or(0);
    }
    found.sort_by(|a, b| b.rank.cmp(&a.rank).then(a.product.id.cmp(&b.product.id)));
    Ok(found)
}

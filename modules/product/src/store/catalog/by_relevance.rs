//! Lists in the order of what fits a query best.

use diesel::dsl::{exists, sum};
use diesel::prelude::*;
use kernel::store::{Db, StoreError};
use kernel::{ProductId, on_each};

use super::by_column::by_column;
use super::narrow::{in_stock, last_word, narrowed, within_prices, without_other_status};
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

    let ranked: Vec<(ProductId, Option<i64>)> = on_each!(db, conn => {
        let mut query = products::table
            .inner_join(HITS.on(HITS.field(product_terms::product_id).eq(products::id)))
            .group_by(products::id)
            .select((products::id, rank()))
            .order((rank().desc(), products::id))
            .limit(limit)
            .into_boxed();
        narrowed!(query, filter);
        within_prices!(query, filter);
        without_other_status!(query, filter);
        query = if words.stems.is_empty() {
            query.filter(last())
        } else {
            // With other words beside it, that one of the terms is found does not mean that the last word is.
            query
                .filter(term().eq_any(&words.stems).or(last()))
                .filter(products::id.eq_any(last_word!(words).select(product_terms::product_id)))
        };
        if let Some((key, id)) = after {
            query = query.having(rank().lt(key).or(rank().eq(key).and(products::id.gt(id))));
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

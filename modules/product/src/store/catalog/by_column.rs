//! Lists in the order of a column of products.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use kernel::store::{Db, StoreError};
use kernel::{Timestamp, on_each};

use super::narrow::{after, in_stock, last_word, narrowed};
use super::{Filter, Key, ListRow, Listed, Position, Sort, listed};
use crate::domain::status::VariantStatus;
use crate::schema::{lowest_prices, product_terms, products, variant_stock, variants};

/// Up to `limit` products behind `after`; by age when the order is not by such a column.
pub(super) fn by_column(
    db: &mut Db,
    filter: &Filter,
    sort: Sort,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let number = after.and_then(|position| match &position.key {
        Key::Number(number) => Some((*number, position.id)),
        Key::Text(_) => None,
    });
    let text = after.and_then(|position| match &position.key {
        Key::Text(text) => Some((text.clone(), position.id)),
        Key::Number(_) => None,
    });
    let time = number.map(|(micros, id)| (Timestamp::from_micros(micros), id));
    let rating = number.map(|(hundredths, id)| (i32::try_from(hundredths).unwrap_or(i32::MAX), id));
    let lowest = lowest_prices::table
        .on(lowest_prices::product_id.eq(products::id).and(lowest_prices::currency.eq(filter.currency)));

    let rows: Vec<(ListRow, Option<i64>)> = on_each!(db, conn => {
        let mut query = products::table
            .left_join(lowest)
            .select((ListRow::as_select(), lowest_prices::amount.nullable()))
            .limit(limit)
            .into_boxed();
        narrowed!(query, filter);
        if let Some(least) = filter.price_from {
            query = query.filter(lowest_prices::amount.ge(least));
        }
        if let Some(most) = filter.price_to {
            query = query.filter(lowest_prices::amount.le(most));
        }
        if let Some(words) = &filter.words {
            query = query.filter(products::id.eq_any(last_word!(words).select(product_terms::product_id)));
        }
        query = match sort {
            // The other orders are not of a column of products.
            Sort::Newest | Sort::Relevance | Sort::Cheapest | Sort::Dearest => {
                if let Some((key, id)) = time {
                    query = after!(query, products::created_at, products::id, <, key, id);
                }
                query.order((products::created_at.desc(), products::id.desc()))
            }
            Sort::Oldest => {
                if let Some((key, id)) = time {
                    query = after!(query, products::created_at, products::id, >, key, id);
                }
                query.order((products::created_at, products::id))
            }
            Sort::Name => {
                if let Some((key, id)) = text {
                    query = after!(query, products::name_key, products::id, >, key.clone(), id);
                }
                query.order((products::name_key, products::id))
            }
            Sort::NameBackwards => {
                if let Some((key, id)) = text {
                    query = after!(query, products::name_key, products::id, <, key.clone(), id);
                }
                query.order((products::name_key.desc(), products::id.desc()))
            }
            Sort::BestRated => {
                if let Some((key, id)) = rating {
                    query = after!(query, products::rating_hundredths, products::id, <, key, id);
                }
                query.order((products::rating_hundredths.desc(), products::id.desc()))
            }
        };
        query.load(conn)
    })?;
    listed(db, rows)
}

//! Lists in the order of the lowest price. They begin with the prices, whose index gives the order; products without one drop out.

use diesel::dsl::{exists, not};
use diesel::prelude::*;
use kernel::on_each;
use kernel::store::{Db, StoreError};

use super::narrow::{after, in_stock, last_word, narrowed};
use super::{Filter, Key, ListRow, Listed, Position, listed};
use crate::domain::status::VariantStatus;
use crate::schema::{lowest_prices, product_terms, products, variant_stock, variants};

/// Which end first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Cheapest,
    Dearest,
}

/// Up to `limit` products behind `after`.
pub(super) fn by_price(
    db: &mut Db,
    filter: &Filter,
    first: End,
    after: Option<&Position>,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let after = after.and_then(|position| match &position.key {
        Key::Number(amount) => Some((*amount, position.id)),
        Key::Text(_) => None,
    });
    let product = products::table.on(products::id.eq(lowest_prices::product_id));
    let rows: Vec<(ListRow, Option<i64>)> = on_each!(db, conn => {
        let mut query = lowest_prices::table
            .inner_join(product)
            .filter(lowest_prices::currency.eq(filter.currency))
            .filter(lowest_prices::amount.between(filter.least(), filter.most()))
            .select((ListRow::as_select(), lowest_prices::amount.nullable()))
            .limit(limit)
            .into_boxed();
        narrowed!(query, filter);
        if let Some(words) = &filter.words {
            query = query.filter(products::id.eq_any(last_word!(words).select(product_terms::product_id)));
        }
        query = match first {
            End::Cheapest => {
                if let Some((key, id)) = after {
                    query = after!(query, lowest_prices::amount, lowest_prices::product_id, >, key, id);
                }
                query.order((lowest_prices::amount, lowest_prices::product_id))
            }
            End::Dearest => {
                if let Some((key, id)) = after {
                    query = after!(query, lowest_prices::amount, lowest_prices::product_id, <, key, id);
                }
                query.order((lowest_prices::amount.desc(), lowest_prices::product_id.desc()))
            }
        };
        query.load(conn)
    })?;
    listed(db, rows)
}

//! What both ways of listing share. Macros, because the type of a boxed query names the engine.

/// Narrows a boxed query over products, but for prices, the status and the last word.
macro_rules! narrowed {
    ($query:ident, $filter:expr) => {
        if let Some(categories) = &$filter.categories {
            $query = $query.filter(products::category_id.eq_any(categories));
        }
        if let Some(ids) = &$filter.ids {
            $query = $query.filter(products::id.eq_any(ids));
        }
        match $filter.in_stock {
            Some(true) => $query = $query.filter(in_stock!()),
            Some(false) => $query = $query.filter(diesel::dsl::not(in_stock!())),
            None => {}
        }
        if let Some(least) = $filter.rating_from {
            $query = $query.filter(products::rating_hundredths.ge(least));
        }
        for stem in $filter.words.iter().flat_map(|words| &words.stems) {
            let with = product_terms::table.filter(product_terms::term.eq(stem));
            $query = $query.filter(products::id.eq_any(with.select(product_terms::product_id)));
        }
    };
}

/// Lets only products pass whose lowest price is within the bounds.
macro_rules! within_prices {
    ($query:ident, $filter:expr) => {
        if $filter.price_from.is_some() || $filter.price_to.is_some() {
            let (least, most) = ($filter.price_from.unwrap_or(0), $filter.price_to.unwrap_or(i64::MAX));
            let within = lowest_prices::table
                .filter(lowest_prices::currency.eq($filter.currency))
                .filter(lowest_prices::amount.between(least, most));
            $query = $query.filter(products::id.eq_any(within.select(lowest_prices::product_id)));
        }
    };
}

/// Whether the product at hand has a variant in stock.
macro_rules! in_stock {
    () => {
        exists(
            variants::table
                .inner_join(variant_stock::table)
                .filter(variants::product_id.eq(products::id))
                .filter(variants::status.eq(VariantStatus::Active))
                .filter(variant_stock::on_hand.gt(variant_stock::reserved)),
        )
    };
}

/// Goes on behind a position, ascending or descending in both columns. The first condition lets an index be entered in the right place.
macro_rules! after {
    ($query:ident, $column:expr, $id_column:expr, >, $key:expr, $id:expr) => {
        $query.filter($column.ge($key)).filter($column.gt($key).or($id_column.gt($id)))
    };
    ($query:ident, $column:expr, $id_column:expr, <, $key:expr, $id:expr) => {
        $query.filter($column.le($key)).filter($column.lt($key).or($id_column.lt($id)))
    };
}

/// Lets only one status pass, for an order that an index over the status gives.
macro_rules! with_status {
    ($query:ident, $filter:expr) => {
        if let Some(status) = $filter.status {
            $query = $query.filter(products::status.eq(status));
        }
    };
}

/// Lets only one status pass, for an order that comes from another table. Said by what it is not: an engine without statistics takes an
/// equality for rare, and would begin with all products on sale instead of with the other table.
macro_rules! without_other_status {
    ($query:ident, $filter:expr) => {
        if let Some(status) = $filter.status {
            $query = $query.filter(products::status.ne_all(status.others()));
        }
    };
}

/// The terms that count as the last word of a query.
macro_rules! last_word {
    ($words:expr) => {
        product_terms::table.filter(product_terms::term.eq(&$words.last_stem).or(
            product_terms::term.ge(&$words.last_prefix).and(product_terms::term.lt($words.behind_prefix())),
        ))
    };
}

pub(super) use {after, in_stock, last_word, narrowed, with_status, within_prices, without_other_status};

//! What both ways of listing share. Macros, because the type of a boxed query names the engine.

/// Narrows a boxed query over products, but for prices and the last word.
macro_rules! narrowed {
    ($query:ident, $filter:expr) => {
        match ($filter.status, &$filter.ids) {
            (None, _) => {}
            (Some(status), None) => $query = $query.filter(products::status.eq(status)),
            // Said by what it is not, which no index can use: SQLite would rather walk the products on sale than look up a few by id.
            (Some(status), Some(_)) => $query = $query.filter(products::status.ne_all(status.others())),
        }
        if let Some(categories) = &$filter.categories {
            $query = $query.filter(products::category_id.eq_any(categories));
        }
        if let Some(ids) = &$filter.ids {
            $query = $query.filter(products::id.eq_any(ids));
        }
        match $filter.in_stock {
            Some(true) => $query = $query.filter(in_stock!(products::id)),
            Some(false) => $query = $query.filter(not(in_stock!(products::id))),
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

/// Whether the product of the outer query has a variant in stock.
macro_rules! in_stock {
    ($product:expr) => {
        exists(
            variants::table
                .inner_join(variant_stock::table)
                .filter(variants::product_id.eq($product))
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

/// The terms that count as the last word of a query.
macro_rules! last_word {
    ($words:expr) => {
        product_terms::table.filter(product_terms::term.eq(&$words.last_stem).or(
            product_terms::term.ge(&$words.last_prefix).and(product_terms::term.lt($words.behind_prefix())),
        ))
    };
}

pub(super) use {after, in_stock, last_word, narrowed};

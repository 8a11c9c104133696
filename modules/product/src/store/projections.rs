//! What is kept beside the products so that lists need not compute it: search terms and lowest prices. Both are made anew from the
//! products in the transaction that changes them.

use std::collections::{BTreeMap, HashMap};

use diesel::prelude::*;
use kernel::store::{StoreError, Tx};
use kernel::{Currency, ProductId, VariantId, on_each};

use super::{CHUNK, prices, variants};
use crate::domain::search::{Document, terms};
use crate::domain::status::VariantStatus;
use crate::schema::{categories, lowest_prices, product_terms, products};

/// Rows of one insert of terms. They are narrow, and there are many.
const TERMS_CHUNK: usize = 4_000;

#[derive(Insertable)]
#[diesel(table_name = product_terms, treat_none_as_default_value = false)]
struct TermRow {
    term: String,
    product_id: ProductId,
    weight: i32,
}

#[derive(Insertable)]
#[diesel(table_name = lowest_prices, treat_none_as_default_value = false)]
struct LowestRow {
    product_id: ProductId,
    currency: Currency,
    amount: i64,
}

/// What is searched of a product, but for its variants.
#[derive(Queryable)]
struct Texts {
    id: ProductId,
    name: String,
    description: String,
    category: Option<String>,
}

/// Makes terms and lowest prices of the products anew.
pub fn refresh(tx: &mut Tx<'_>, ids: &[ProductId]) -> Result<(), StoreError> {
    for ids in ids.chunks(CHUNK) {
        forget(tx, ids)?;
        let variants = variants::of_products(tx, ids)?;
        let variant_ids: Vec<VariantId> = variants.iter().map(|variant| variant.id).collect();
        let prices = prices::of_variants(tx, &variant_ids)?;

        let mut skus: HashMap<ProductId, Vec<String>> = HashMap::new();
        let mut on_sale: HashMap<VariantId, ProductId> = HashMap::new();
        for variant in variants {
            if variant.status == VariantStatus::Active {
                on_sale.insert(variant.id, variant.product_id);
            }
            skus.entry(variant.product_id).or_default().push(variant.sku);
        }
        let mut lowest: BTreeMap<(ProductId, Currency), i64> = BTreeMap::new();
        for price in prices {
            if let Some(product) = on_sale.get(&price.variant_id) {
                let least = lowest.entry((*product, price.currency)).or_insert(price.amount);
                *least = price.amount.min(*least);
            }
        }
        insert_lowest(tx, lowest)?;
        insert_terms(tx, ids, &skus)?;
    }
    Ok(())
}

fn forget(tx: &mut Tx<'_>, ids: &[ProductId]) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::delete(
        product_terms::table.filter(product_terms::product_id.eq_any(ids))).execute(conn))?;
    on_each!(tx, conn => diesel::delete(
        lowest_prices::table.filter(lowest_prices::product_id.eq_any(ids))).execute(conn))?;
    Ok(())
}

fn insert_lowest(tx: &mut Tx<'_>, lowest: BTreeMap<(ProductId, Currency), i64>) -> Result<(), StoreError> {
    let rows: Vec<LowestRow> = lowest
        .into_iter()
        .map(|((product_id, currency), amount)| LowestRow { product_id, currency, amount })
        .collect();
    for rows in rows.chunks(CHUNK) {
        on_each!(tx, conn => diesel::insert_into(lowest_prices::table).values(rows).execute(conn))?;
    }
    Ok(())
}

fn insert_terms(
    tx: &mut Tx<'_>,
    ids: &[ProductId],
    skus: &HashMap<ProductId, Vec<String>>,
) -> Result<(), StoreError> {
    let texts: Vec<Texts> = on_each!(tx, conn => products::table
        .left_join(categories::table)
        .filter(products::id.eq_any(ids))
        .select((products::id, products::name, products::description, categories::name.nullable()))
        .load(conn))?;
    let mut rows = Vec::new();
    for text in &texts {
        let document = Document {
            name: &text.name,
            category: text.category.as_deref().unwrap_or_default(),
            skus: skus.get(&text.id).map_or(&[], Vec::as_slice),
            description: &text.description,
        };
        let found = terms(&document).into_iter();
        rows.extend(found.map(|(term, weight)| TermRow { term, product_id: text.id, weight }));
    }
    for rows in rows.chunks(TERMS_CHUNK) {
        on_each!(tx, conn => diesel::insert_into(product_terms::table).values(rows).execute(conn))?;
    }
    Ok(())
}

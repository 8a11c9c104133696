//! Giving out the whole catalogue as a file that can be taken in again.

use std::collections::HashMap;

use kernel::Money;
use kernel::store::{Db, StoreError};
use kernel::{ProductId, VariantId};

use super::Service;
use crate::domain::CategoryId;
use crate::domain::sheet::{Line, SheetWriter};
use crate::error::Error;
use crate::store::prices::PriceRow;
use crate::store::products::ProductRow;
use crate::store::{categories, prices, products, stock, variants};

/// Products that are read at once.
const PRODUCTS: i64 = 500;

impl Service {
    /// Every product, of any status, as [`crate::domain::sheet`] describes the file; all as of one moment.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn export(&self) -> Result<Vec<u8>, Error> {
        self.store.read_snapshot(export).await
    }
}

fn export(db: &mut Db) -> Result<Vec<u8>, Error> {
    let paths = category_paths(db)?;
    let mut writer = SheetWriter::new().map_err(unwritable)?;
    let mut after: Option<ProductId> = None;
    loop {
        let products = products::walk(db, after, PRODUCTS)?;
        let Some(last) = products.last() else { break };
        after = Some(last.id);
        export_some(db, &products, &paths, &mut writer)?;
    }
    Ok(writer.finish().map_err(unwritable)?)
}

fn export_some(
    db: &mut Db,
    products: &[ProductRow],
    paths: &HashMap<CategoryId, String>,
    writer: &mut SheetWriter,
) -> Result<(), StoreError> {
    let by_id: HashMap<ProductId, &ProductRow> = products.iter().map(|row| (row.id, row)).collect();
    let ids: Vec<ProductId> = products.iter().map(|product| product.id).collect();
    let variants = variants::of_products(db, &ids)?;
    let ids: Vec<VariantId> = variants.iter().map(|variant| variant.id).collect();
    let stock = stock::of_variants(db, &ids)?;
    let mut prices_of: HashMap<VariantId, Vec<Money>> = HashMap::new();
    for price in prices::of_variants(db, &ids)? {
        prices_of.entry(price.variant_id).or_default().push(PriceRow::money(&price));
    }
    for variant in &variants {
        let Some(product) = by_id.get(&variant.product_id) else { continue };
        let path = product.category_id.and_then(|id| paths.get(&id));
        let line = Line {
            product_slug: &product.slug,
            product_name: &product.name,
            description: &product.description,
            category: path.map_or("", String::as_str),
            sku: &variant.sku,
            variant_name: &variant.name,
            price: None,
            stock: stock.get(&variant.id).copied().unwrap_or_default().on_hand,
            status: product.status,
            variant_status: variant.status,
            image_url: product.image_url.as_deref().unwrap_or_default(),
        };
        match prices_of.get(&variant.id) {
            None => writer.line(line).map_err(unwritable)?,
            Some(prices) => prices.iter().try_for_each(|price| {
                writer.line(Line { price: Some(*price), ..line }).map_err(unwritable)
            })?,
        }
    }
    Ok(())
}

/// Each category's slugs from the top down, joined by `/`.
fn category_paths(db: &mut Db) -> Result<HashMap<CategoryId, String>, StoreError> {
    let rows = categories::all(db)?;
    let tree = categories::tree(&rows);
    let slugs: HashMap<CategoryId, &str> = rows.iter().map(|row| (row.id, row.slug.as_str())).collect();
    let path = |id: CategoryId| {
        let slugs: Vec<&str> = tree.path(id).iter().filter_map(|id| slugs.get(id).copied()).collect();
        slugs.join("/")
    };
    Ok(rows.iter().map(|row| (row.id, path(row.id))).collect())
}

fn unwritable(error: csv::Error) -> StoreError {
    StoreError::Corrupt(format!("a file cannot be written: {error}"))
}

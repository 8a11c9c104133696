//! Variants.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{ProductId, VariantId, on_each};

use super::CHUNK;
use crate::domain::status::VariantStatus;
use crate::schema::variants;

/// A variant as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = variants, treat_none_as_default_value = false)]
pub struct VariantRow {
    /// Names it.
    pub id: VariantId,
    /// Its product.
    pub product_id: ProductId,
    /// Stock keeping unit.
    pub sku: String,
    /// What sets it apart.
    pub name: String,
    /// Whether it is on sale.
    pub status: VariantStatus,
    /// Where it stands among the variants of its product.
    pub position: i32,
    /// Rises with each change of it or of a price.
    pub version: i32,
}

pub fn find(db: &mut Db, id: VariantId) -> Result<Option<VariantRow>, StoreError> {
    let row = variants::table.find(id);
    Ok(on_each!(db, conn => row.select(VariantRow::as_select()).first(conn).optional())?)
}

/// The variants of the products, of each in its order.
pub fn of_products(db: &mut Db, products: &[ProductId]) -> Result<Vec<VariantRow>, StoreError> {
    let mut found = Vec::new();
    for products in products.chunks(CHUNK) {
        found.extend(on_each!(db, conn => variants::table
            .filter(variants::product_id.eq_any(products))
            .order((variants::product_id, variants::position, variants::id))
            .select(VariantRow::as_select())
            .load(conn))?);
    }
    Ok(found)
}

/// The variants with any of the stock keeping units.
pub fn by_skus(db: &mut Db, skus: &[String]) -> Result<Vec<VariantRow>, StoreError> {
    let mut found = Vec::new();
    for skus in skus.chunks(CHUNK) {
        found.extend(on_each!(db, conn => variants::table
            .filter(variants::sku.eq_any(skus))
            .select(VariantRow::as_select())
            .load(conn))?);
    }
    Ok(found)
}

pub fn insert(tx: &mut Tx<'_>, rows: &[VariantRow]) -> Result<(), StoreError> {
    for rows in rows.chunks(CHUNK) {
        on_each!(tx, conn => diesel::insert_into(variants::table).values(rows).execute(conn))?;
    }
    Ok(())
}

/// Writes the row over the stored one.
pub fn update(tx: &mut Tx<'_>, row: &VariantRow) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::update(variants::table.find(row.id)).set(row).execute(conn))?;
    Ok(())
}

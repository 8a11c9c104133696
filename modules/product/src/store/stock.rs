//! Stock of variants.

use std::collections::BTreeMap;

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{Currency, ProductId, Timestamp, VariantId, on_each};

use super::CHUNK;
use crate::domain::status::{ProductStatus, ReservationState, VariantStatus};
use crate::domain::stock::Stock;
use crate::schema::{prices, products, reservation_lines, reservations, variant_stock, variants};

/// Stock of a variant as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = variant_stock, treat_none_as_default_value = false)]
pub struct StockRow {
    /// The variant.
    pub variant_id: VariantId,
    /// Units in the house.
    pub on_hand: i64,
    /// Units of them that are held.
    pub reserved: i64,
}

/// A variant as other modules see it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct SummaryRow {
    pub id: VariantId,
    pub product_id: ProductId,
    pub slug: String,
    pub sku: String,
    pub product_name: String,
    pub variant_name: String,
    pub product_status: ProductStatus,
    pub variant_status: VariantStatus,
    pub on_hand: i64,
    pub reserved: i64,
    pub amount: Option<i64>,
}

pub fn find(db: &mut Db, variant: VariantId) -> Result<Option<Stock>, StoreError> {
    let row = variant_stock::table.find(variant);
    let row: Option<StockRow> =
        on_each!(db, conn => row.select(StockRow::as_select()).first(conn).optional())?;
    Ok(row.map(|row| row.stock()))
}

/// The stock of the variants and whether each is on sale; those that do not exist are missing.
pub fn for_sale(db: &mut Db, ids: &[VariantId]) -> Result<BTreeMap<VariantId, (Stock, bool)>, StoreError> {
    let rows: Vec<(StockRow, ProductStatus, VariantStatus)> = on_each!(db, conn => variant_stock::table
        .inner_join(variants::table.inner_join(products::table))
        .filter(variant_stock::variant_id.eq_any(ids))
        .select((StockRow::as_select(), products::status, variants::status))
        .load(conn))?;
    Ok(rows
        .into_iter()
        .map(|(row, product, variant)| (row.variant_id, (row.stock(), is_for_sale(product, variant))))
        .collect())
}

/// The stock of the variants.
pub fn of_variants(db: &mut Db, ids: &[VariantId]) -> Result<BTreeMap<VariantId, Stock>, StoreError> {
    let mut found = BTreeMap::new();
    for ids in ids.chunks(CHUNK) {
        let rows: Vec<StockRow> = on_each!(db, conn => variant_stock::table
            .filter(variant_stock::variant_id.eq_any(ids))
            .select(StockRow::as_select())
            .load(conn))?;
        found.extend(rows.into_iter().map(|row| (row.variant_id, row.stock())));
    }
    Ok(found)
}

/// The variants with their price in `currency`.
pub fn summaries(db: &mut Db, ids: &[VariantId], currency: Currency) -> Result<Vec<SummaryRow>, StoreError> {
    let price = prices::table.on(prices::variant_id.eq(variants::id).and(prices::currency.eq(currency)));
    Ok(on_each!(db, conn => variants::table
        .inner_join(products::table)
        .inner_join(variant_stock::table)
        .left_join(price)
        .filter(variants::id.eq_any(ids))
        .select((
            variants::id,
            variants::product_id,
            products::slug,
            variants::sku,
            products::name,
            variants::name,
            products::status,
            variants::status,
            variant_stock::on_hand,
            variant_stock::reserved,
            prices::amount.nullable(),
        ))
        .load(conn))?)
}

/// Units of the variants that are held by reservations that have run out: they can be had.
pub fn expired(
    db: &mut Db,
    ids: &[VariantId],
    now: Timestamp,
) -> Result<BTreeMap<VariantId, i64>, StoreError> {
    let rows: Vec<(VariantId, i64)> = on_each!(db, conn => reservation_lines::table
        .inner_join(reservations::table)
        .filter(reservations::state.eq(ReservationState::Held))
        .filter(reservations::expires_at.le(now))
        .filter(reservation_lines::variant_id.eq_any(ids))
        .select((reservation_lines::variant_id, reservation_lines::quantity))
        .load(conn))?;
    let mut sums = BTreeMap::new();
    for (variant, quantity) in rows {
        *sums.entry(variant).or_insert(0) += quantity;
    }
    Ok(sums)
}

pub fn insert(tx: &mut Tx<'_>, rows: &[StockRow]) -> Result<(), StoreError> {
    for rows in rows.chunks(CHUNK) {
        on_each!(tx, conn => diesel::insert_into(variant_stock::table).values(rows).execute(conn))?;
    }
    Ok(())
}

/// Adds to what is in the house and to what is held. The table refuses what would be below zero.
pub fn add(tx: &mut Tx<'_>, variant: VariantId, on_hand: i64, reserved: i64) -> Result<(), StoreError> {
    let changed = on_each!(tx, conn => diesel::update(variant_stock::table.find(variant))
        .set((
            variant_stock::on_hand.eq(variant_stock::on_hand + on_hand),
            variant_stock::reserved.eq(variant_stock::reserved + reserved),
        ))
        .execute(conn))?;
    if changed == 1 { Ok(()) } else { Err(StoreError::Corrupt(format!("{variant} has no stock row"))) }
}

// === impl StockRow ===

impl StockRow {
    /// The numbers alone.
    pub fn stock(&self) -> Stock {
        Stock { on_hand: self.on_hand, reserved: self.reserved }
    }
}

// === impl SummaryRow ===

impl SummaryRow {
    pub fn for_sale(&self) -> bool {
        is_for_sale(self.product_status, self.variant_status)
    }
}

fn is_for_sale(product: ProductStatus, variant: VariantStatus) -> bool {
    product == ProductStatus::Active && variant == VariantStatus::Active
}

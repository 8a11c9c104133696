//! Prices.

use diesel::prelude::*;
use diesel::upsert::excluded;
use kernel::store::{Db, StoreError, Tx};
use kernel::{Currency, Money, VariantId, on_each};

use super::CHUNK;
use crate::schema::prices;

/// A price as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = prices, treat_none_as_default_value = false)]
pub struct PriceRow {
    pub variant_id: VariantId,
    pub currency: Currency,
    pub amount: i64,
}

/// The prices of the variants, of each by currency.
pub fn of_variants(db: &mut Db, variants: &[VariantId]) -> Result<Vec<PriceRow>, StoreError> {
    let mut found = Vec::new();
    for variants in variants.chunks(CHUNK) {
        found.extend(on_each!(db, conn => prices::table
            .filter(prices::variant_id.eq_any(variants))
            .order((prices::variant_id, prices::currency))
            .select(PriceRow::as_select())
            .load(conn))?);
    }
    Ok(found)
}

/// Sets prices, whether or not there was one.
pub fn set(tx: &mut Tx<'_>, rows: &[PriceRow]) -> Result<(), StoreError> {
    for rows in rows.chunks(CHUNK) {
        on_each!(tx, conn => diesel::insert_into(prices::table)
            .values(rows)
            .on_conflict((prices::variant_id, prices::currency))
            .do_update()
            .set(prices::amount.eq(excluded(prices::amount)))
            .execute(conn))?;
    }
    Ok(())
}

// === impl PriceRow ===

impl PriceRow {
    pub fn new(variant_id: VariantId, price: Money) -> Self {
        Self { variant_id, currency: price.currency, amount: price.amount }
    }

    pub fn money(&self) -> Money {
        Money::new(self.amount, self.currency)
    }
}

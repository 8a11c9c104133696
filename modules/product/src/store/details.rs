//! One product with everything that its page shows.

use diesel::prelude::*;
use kernel::store::{Db, StoreError};
use kernel::{Currency, Money, ProductId, on_each};

use super::categories::CategoryRow;
use super::products::ProductRow;
use super::stock::StockRow;
use super::variants::VariantRow;
use crate::domain::status::{ProductStatus, VariantStatus};
use crate::domain::text::Slug;
use crate::schema::{categories, prices, products, variant_stock, variants};

/// How a product is named in an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProductRef {
    /// By its id.
    Id(ProductId),
    /// By its slug.
    Slug(String),
}

/// A variant with its stock and its prices, by currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantDetails {
    /// The variant.
    pub variant: VariantRow,
    /// Its stock.
    pub stock: StockRow,
    /// Its prices, by currency.
    pub prices: Vec<Money>,
}

/// A product and where it stands.
type Placed = (ProductRow, Option<CategoryRow>);

/// The product on sale and its category.
pub fn on_sale(db: &mut Db, name: &ProductRef) -> Result<Option<Placed>, StoreError> {
    let active =
        products::table.left_join(categories::table).filter(products::status.eq(ProductStatus::Active));
    Ok(match name {
        ProductRef::Id(id) => {
            let one = active.filter(products::id.eq(id));
            on_each!(db, conn => one
                .select((ProductRow::as_select(), Option::<CategoryRow>::as_select()))
                .first(conn)
                .optional())?
        }
        ProductRef::Slug(slug) => {
            let one = active.filter(products::slug.eq(slug));
            on_each!(db, conn => one
                .select((ProductRow::as_select(), Option::<CategoryRow>::as_select()))
                .first(conn)
                .optional())?
        }
    })
}

impl ProductRef {
    /// Reads how an address names a product. What can be neither id nor slug names none.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(id) = text.parse() {
            return Some(Self::Id(id));
        }
        Some(Self::Slug(Slug::parse(text).ok()?.into_string()))
    }
}

/// A variant with one of its prices.
type PricedRow = (VariantRow, StockRow, Option<(Currency, i64)>);

/// The product's variants on sale, in their order: one statement for variants, stock and prices together.
pub fn variants_on_sale(db: &mut Db, product: ProductId) -> Result<Vec<VariantDetails>, StoreError> {
    let rows = variants::table
        .inner_join(variant_stock::table)
        .left_join(prices::table)
        .filter(variants::product_id.eq(product))
        .filter(variants::status.eq(VariantStatus::Active))
        .order((variants::position, variants::id, prices::currency));
    let price = (prices::currency, prices::amount).nullable();
    let rows: Vec<PricedRow> = on_each!(db, conn => rows
        .select((VariantRow::as_select(), StockRow::as_select(), price))
        .load(conn))?;
    let mut found: Vec<VariantDetails> = Vec::new();
    for (variant, stock, price) in rows {
        let price = price.map(|(currency, amount)| Money::new(amount, currency));
        match found.last_mut().filter(|last| last.variant.id == variant.id) {
            Some(same) => same.prices.extend(price),
            None => found.push(VariantDetails { variant, stock, prices: price.into_iter().collect() }),
        }
    }
    Ok(found)
}

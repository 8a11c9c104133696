//! What staff do with variants and prices.

use kernel::idempotency::{self, Answer, Key};
use kernel::store::{Db, Tx};
use kernel::{Money, ProductId, Timestamp, UserId, VariantId};

use super::{Precondition, Render, Service};
use crate::domain::MovementId;
use crate::domain::draft::{MOST_PRICES, MOST_VARIANTS, VariantChange, VariantDraft};
use crate::domain::status::VariantStatus;
use crate::error::Error;
use crate::store::movements::{self, MovementRow};
use crate::store::prices::{self, PriceRow};
use crate::store::stock::{self, StockRow};
use crate::store::variants::{self, VariantRow};
use crate::store::{products, projections};

/// Why the first units of a variant are there.
pub(super) const OPENING_STOCK: &str = "opening stock";

/// A variant as staff see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffVariant {
    /// The variant.
    pub variant: VariantRow,
    /// Its prices, by currency.
    pub prices: Vec<Money>,
}

impl Service {
    /// Adds a variant to a product, once for `key`.
    ///
    /// # Errors
    /// [`Error::ProductNotFound`], [`Error::SkuTaken`], [`Error::Invalid`] when the product has too many.
    pub async fn create_variant(
        &self,
        product: ProductId,
        draft: VariantDraft,
        by: UserId,
        key: Option<Key>,
        render: Render<StaffVariant>,
    ) -> Result<Answer, Error> {
        self.store
            .write(move |tx| {
                idempotency::once(tx, key.as_ref(), |tx| {
                    products::find(tx, product)?.ok_or(Error::ProductNotFound)?;
                    let others = variants::of_products(tx, &[product])?;
                    let position = others.iter().map(|other| other.position.saturating_add(1)).max();
                    if others.len() >= MOST_VARIANTS {
                        let message = format!("a product has at most {MOST_VARIANTS}");
                        return Err(Error::Invalid(vec![kernel::Detail::of("variants", message)]));
                    }
                    let drafts = std::slice::from_ref(&draft);
                    let ids = create(tx, product, position.unwrap_or(0), drafts, Some(by))?;
                    changed(tx, product)?;
                    let id = ids.first().copied().ok_or(Error::VariantNotFound)?;
                    Ok(render(&load(tx, id)?)?)
                })
            })
            .await
    }

    /// A variant of any status.
    ///
    /// # Errors
    /// [`Error::VariantNotFound`].
    pub async fn staff_variant(&self, id: VariantId) -> Result<StaffVariant, Error> {
        self.store.read_snapshot(move |db| load(db, id)).await
    }

    /// Changes a variant.
    ///
    /// # Errors
    /// [`Error::VariantNotFound`], [`Error::Changed`], [`Error::SkuTaken`].
    pub async fn change_variant(
        &self,
        id: VariantId,
        expected: Precondition,
        change: VariantChange,
    ) -> Result<StaffVariant, Error> {
        self.store
            .write(move |tx| {
                let mut row = variants::find(tx, id)?.ok_or(Error::VariantNotFound)?;
                expected.check(row.version)?;
                let before = row.clone();
                if let Some(sku) = &change.sku {
                    refuse_taken_skus(tx, &[sku.as_str().to_owned()], Some(id))?;
                    row.sku = sku.as_str().to_owned();
                }
                if let Some(name) = &change.name {
                    row.name = name.as_str().to_owned();
                }
                row.status = change.status.unwrap_or(row.status);
                row.position = change.position.unwrap_or(row.position);
                if row != before {
                    row.version += 1;
                    variants::update(tx, &row)?;
                    changed(tx, row.product_id)?;
                }
                load(tx, id)
            })
            .await
    }

    /// Takes a variant off sale. It stays for the orders that name it, and keeps its stock.
    ///
    /// # Errors
    /// [`Error::VariantNotFound`], [`Error::Changed`].
    pub async fn archive_variant(
        &self,
        id: VariantId,
        expected: Precondition,
    ) -> Result<StaffVariant, Error> {
        let change = VariantChange { status: Some(VariantStatus::Archived), ..VariantChange::default() };
        self.change_variant(id, expected, change).await
    }

    /// Sets a variant's price in one currency.
    ///
    /// # Errors
    /// [`Error::VariantNotFound`], [`Error::Changed`], [`Error::Invalid`] when it has too many prices.
    pub async fn set_price(
        &self,
        id: VariantId,
        expected: Precondition,
        price: Money,
    ) -> Result<StaffVariant, Error> {
        self.store
            .write(move |tx| {
                let mut before = load(tx, id)?;
                expected.check(before.variant.version)?;
                if before.prices.contains(&price) {
                    return Ok(before);
                }
                let known = before.prices.iter().any(|other| other.currency == price.currency);
                if !known && before.prices.len() >= MOST_PRICES {
                    let message = format!("a variant has prices in at most {MOST_PRICES} currencies");
                    return Err(Error::Invalid(vec![kernel::Detail::of("currency", message)]));
                }
                prices::set(tx, &[PriceRow::new(id, price)])?;
                before.variant.version += 1;
                variants::update(tx, &before.variant)?;
                changed(tx, before.variant.product_id)?;
                load(tx, id)
            })
            .await
    }
}

/// Adds variants to a product, from `position` on, with their prices and opening stock. The caller refreshes the projections.
pub(super) fn create(
    tx: &mut Tx<'_>,
    product: ProductId,
    position: i32,
    drafts: &[VariantDraft],
    by: Option<UserId>,
) -> Result<Vec<VariantId>, Error> {
    let skus: Vec<String> = drafts.iter().map(|draft| draft.sku.as_str().to_owned()).collect();
    refuse_taken_skus(tx, &skus, None)?;
    let mut rows = NewVariants::default();
    for (draft, position) in drafts.iter().zip(position..) {
        rows.add(product, position, draft, by, Timestamp::now());
    }
    let ids = rows.variants.iter().map(|row| row.id).collect();
    rows.insert(tx)?;
    Ok(ids)
}

/// Rows of variants that are made together.
#[derive(Default)]
pub(super) struct NewVariants {
    pub(super) variants: Vec<VariantRow>,
    stock: Vec<StockRow>,
    movements: Vec<MovementRow>,
    prices: Vec<PriceRow>,
}

impl NewVariants {
    /// Adds one.
    pub(super) fn add(
        &mut self,
        product_id: ProductId,
        position: i32,
        draft: &VariantDraft,
        by: Option<UserId>,
        now: Timestamp,
    ) {
        let row = VariantRow {
            id: VariantId::new(),
            product_id,
            sku: draft.sku.as_str().to_owned(),
            name: draft.name.as_str().to_owned(),
            status: draft.status,
            position,
            version: 1,
        };
        self.stock.push(StockRow { variant_id: row.id, on_hand: draft.stock, reserved: 0 });
        if draft.stock > 0 {
            self.movements.push(MovementRow {
                id: MovementId::new(),
                variant_id: row.id,
                delta: draft.stock,
                reason: OPENING_STOCK.to_owned(),
                reference: None,
                actor: by,
                moved_at: now,
            });
        }
        self.prices.extend(draft.prices.iter().map(|price| PriceRow::new(row.id, *price)));
        self.variants.push(row);
    }

    /// Writes them all.
    pub(super) fn insert(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        variants::insert(tx, &self.variants)?;
        stock::insert(tx, &self.stock)?;
        movements::insert(tx, &self.movements)?;
        prices::set(tx, &self.prices)?;
        Ok(())
    }
}

fn refuse_taken_skus(tx: &mut Tx<'_>, skus: &[String], except: Option<VariantId>) -> Result<(), Error> {
    let taken = variants::by_skus(tx, skus)?;
    match taken.into_iter().find(|row| Some(row.id) != except) {
        Some(row) => Err(Error::SkuTaken(row.sku)),
        None => Ok(()),
    }
}

/// Notes that something that belongs to the product has changed.
fn changed(tx: &mut Tx<'_>, product: ProductId) -> Result<(), Error> {
    products::touch(tx, &[product])?;
    projections::refresh(tx, &[product])?;
    Ok(())
}

fn load(db: &mut Db, id: VariantId) -> Result<StaffVariant, Error> {
    let variant = variants::find(db, id)?.ok_or(Error::VariantNotFound)?;
    let prices = prices::of_variants(db, &[id])?;
    Ok(StaffVariant::of(variant, &prices))
}

// === impl StaffVariant ===

impl StaffVariant {
    /// The variant with those of `prices` that are its own.
    pub(super) fn of(variant: VariantRow, prices: &[PriceRow]) -> Self {
        let own = prices.iter().filter(|price| price.variant_id == variant.id);
        Self { prices: own.map(PriceRow::money).collect(), variant }
    }
}

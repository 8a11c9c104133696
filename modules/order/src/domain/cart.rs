//! Rules of carts.

use std::collections::BTreeMap;

use kernel::{Currency, ErrorCode, Money, MoneyError, VariantId};
use product_contract::VariantSummary;

use super::event::Line;

/// Most different variants in a cart.
pub const MOST_ITEMS: usize = 50;
/// Most units of one variant in a cart.
pub const MOST_UNITS: i64 = 999;

/// A cart that can become an order: every line sold and priced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// The lines.
    pub lines: Vec<Line>,
    /// What to pay.
    pub total: Money,
}

/// Why a cart cannot become an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CartError {
    /// It has no items.
    #[error("the cart has no items")]
    Empty,
    /// Something in it is not sold, or not in the cart's currency.
    #[error("the variant {0} is not sold, or not in this currency")]
    NotForSale(VariantId),
    /// The sum is too large to be true.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// Prices a cart with what the product module says of its variants.
///
/// # Errors
/// Why it cannot become an order.
pub fn price(
    items: &[(VariantId, i64)],
    variants: &[VariantSummary],
    currency: Currency,
) -> Result<Priced, CartError> {
    if items.is_empty() {
        return Err(CartError::Empty);
    }
    let known: BTreeMap<_, _> = variants.iter().map(|variant| (variant.id, variant)).collect();
    let mut lines = Vec::with_capacity(items.len());
    let mut total = Money::zero(currency);
    for (variant_id, quantity) in items {
        let not_for_sale = CartError::NotForSale(*variant_id);
        let Some(variant) = known.get(variant_id).filter(|variant| variant.for_sale) else {
            return Err(not_for_sale);
        };
        let unit_price = variant.price.ok_or(not_for_sale)?;
        let line_total = unit_price.checked_mul(*quantity)?;
        total = total.checked_add(line_total)?;
        lines.push(Line {
            variant_id: *variant_id,
            product_id: variant.product_id,
            sku: variant.sku.clone(),
            name: full_name(variant),
            quantity: *quantity,
            unit_price: unit_price.amount,
            total: line_total.amount,
        });
    }
    Ok(Priced { lines, total })
}

/// Name of product and variant, as on an invoice.
pub fn full_name(variant: &VariantSummary) -> String {
    if variant.variant_name.is_empty() {
        variant.product_name.clone()
    } else {
        format!("{}, {}", variant.product_name, variant.variant_name)
    }
}

/// The quantities of two carts together. What is in `into` stays; of `from` comes in what there is room for.
pub fn merge(into: &[(VariantId, i64)], from: &[(VariantId, i64)]) -> Vec<(VariantId, i64)> {
    let mut merged: BTreeMap<VariantId, i64> = into.iter().copied().collect();
    for (variant_id, quantity) in from {
        if merged.len() >= MOST_ITEMS && !merged.contains_key(variant_id) {
            continue;
        }
        let units = merged.entry(*variant_id).or_insert(0);
        *units = units.saturating_add(*quantity).min(MOST_UNITS);
    }
    merged.into_iter().collect()
}

impl kernel::Coded for CartError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Empty => ErrorCode::CartEmpty,
            Self::NotForSale(_) => ErrorCode::NotForSale,
            Self::Money(_) => ErrorCode::ValidationFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_within_the_bounds_of_a_cart() {
        let fresh = |count: usize| (0..count).map(|_| (VariantId::new(), 600)).collect::<Vec<_>>();
        let (own, guest) = (fresh(MOST_ITEMS - 1), fresh(20));
        let merged = merge(&own, &guest);
        assert_eq!(merged.len(), MOST_ITEMS);
        assert!(own.iter().all(|item| merged.contains(item)), "one's own items stay");
        assert_eq!(merge(&own, &own).first().map(|(_, units)| *units), Some(MOST_UNITS));
    }
}

//! What staff put in: whole things, checked field by field, with everything that is wrong told at once.

use kernel::{Currency, Detail, Money};

use super::CategoryId;
use super::price::parse_amount;
use super::status::{ProductStatus, VariantStatus};
use super::stock::MOST_UNITS;
use super::text::{Description, ImageUrl, InvalidText, Name, Sku, Slug, VariantName};

/// Most variants of a product, most prices of a variant.
pub const MOST_VARIANTS: usize = 100;
/// Most prices of a variant.
pub const MOST_PRICES: usize = 20;

/// A product to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductDraft {
    /// Its address.
    pub slug: Slug,
    /// Its name.
    pub name: Name,
    /// What there is to say of it.
    pub description: Description,
    /// Its picture.
    pub image_url: Option<ImageUrl>,
    /// Where it stands.
    pub category_id: Option<CategoryId>,
    /// Whether it is in the shop.
    pub status: ProductStatus,
    /// Its variants, in the order they are shown.
    pub variants: Vec<VariantDraft>,
}

/// A variant to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantDraft {
    /// Its stock keeping unit.
    pub sku: Sku,
    /// What sets it apart.
    pub name: VariantName,
    /// Whether it is on sale.
    pub status: VariantStatus,
    /// Its prices, one for each currency.
    pub prices: Vec<Money>,
    /// Opening stock, in units.
    pub stock: i64,
}

/// What shall be changed of a product; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductChange {
    /// Its address.
    pub slug: Option<Slug>,
    /// Its name.
    pub name: Option<Name>,
    /// What there is to say of it.
    pub description: Option<Description>,
    /// Its picture; `Some(None)` takes it away.
    pub image_url: Option<Option<ImageUrl>>,
    /// Where it stands; `Some(None)` takes it out of its category.
    pub category_id: Option<Option<CategoryId>>,
    /// Whether it is in the shop.
    pub status: Option<ProductStatus>,
}

/// What shall be changed of a variant; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VariantChange {
    /// Its stock keeping unit.
    pub sku: Option<Sku>,
    /// What sets it apart.
    pub name: Option<VariantName>,
    /// Whether it is on sale.
    pub status: Option<VariantStatus>,
    /// Where it stands among its product's variants.
    pub position: Option<i32>,
}

/// A category to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryDraft {
    /// Its address.
    pub slug: Slug,
    /// Its name.
    pub name: Name,
    /// What it stands below.
    pub parent_id: Option<CategoryId>,
    /// Where it stands among its siblings.
    pub position: i32,
}

/// What shall be changed of a category; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CategoryChange {
    /// Its address.
    pub slug: Option<Slug>,
    /// Its name.
    pub name: Option<Name>,
    /// What it stands below; `Some(None)` takes it to the top.
    pub parent_id: Option<Option<CategoryId>>,
    /// Where it stands among its siblings.
    pub position: Option<i32>,
}

/// Gathers what is wrong with the fields of one input.
#[derive(Debug, Default)]
pub struct Problems {
    details: Vec<Detail>,
}

// === impl Problems ===

impl Problems {
    /// Takes a checked field, or notes what is wrong with it.
    pub fn take<T, E: std::fmt::Display>(
        &mut self,
        field: impl Into<String>,
        checked: Result<T, E>,
    ) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(problem) => {
                self.details.push(Detail::of(field, problem.to_string()));
                None
            }
        }
    }

    /// As [`Problems::take`], for a field that may be absent: then it is `Some(None)`.
    pub fn take_if<T, E: std::fmt::Display>(
        &mut self,
        field: &str,
        checked: Option<Result<T, E>>,
    ) -> Option<Option<T>> {
        match checked {
            None => Some(None),
            Some(checked) => self.take(field, checked).map(Some),
        }
    }

    /// Notes what is wrong with a field.
    pub fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.details.push(Detail::of(field, problem));
    }

    /// The whole, if nothing is wrong.
    ///
    /// # Errors
    /// Everything that is.
    pub fn finish<T>(self, whole: Option<T>) -> Result<T, Vec<Detail>> {
        match whole {
            Some(whole) if self.details.is_empty() => Ok(whole),
            _ => Err(self.details),
        }
    }
}

/// Takes opening stock.
///
/// # Errors
/// Why it is not taken.
pub fn parse_opening_stock(units: i64) -> Result<i64, InvalidText> {
    if (0..=MOST_UNITS).contains(&units) {
        Ok(units)
    } else {
        Err(InvalidText(format!("must be from 0 to {MOST_UNITS} units")))
    }
}

/// Takes the prices of a variant; `field` is where they stand.
pub fn parse_prices(problems: &mut Problems, field: &str, prices: &[Money]) -> Option<Vec<Money>> {
    if prices.len() > MOST_PRICES {
        problems.add(field, format!("must have at most {MOST_PRICES} entries"));
        return None;
    }
    let mut seen: Vec<Currency> = Vec::new();
    let mut sound = true;
    for (place, price) in prices.iter().enumerate() {
        if problems.take(format!("{field}[{place}].amount"), parse_amount(price.amount)).is_none() {
            sound = false;
        }
        if seen.contains(&price.currency) {
            problems.add(format!("{field}[{place}].currency"), "has a price already");
            sound = false;
        }
        seen.push(price.currency);
    }
    sound.then(|| prices.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let mut problems = Problems::default();
        let name = problems.take("name", Name::parse(""));
        let slug = problems.take("slug", Slug::parse("Not A Slug"));
        let details = problems.finish(name.zip(slug)).unwrap_err();
        let fields: Vec<_> = details.iter().filter_map(|detail| detail.field.as_deref()).collect();
        assert_eq!(fields, ["name", "slug"]);
    }

    #[test]
    fn a_variant_has_one_price_in_a_currency() {
        let mut problems = Problems::default();
        let prices = [Money::new(1, Currency::EUR), Money::new(-2, Currency::EUR)];
        assert_eq!(parse_prices(&mut problems, "prices", &prices), None);
        assert_eq!(problems.finish(Some(())).unwrap_err().len(), 2);
    }
}

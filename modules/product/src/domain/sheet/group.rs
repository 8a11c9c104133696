//! Lines gathered into products, variants and prices.

use std::collections::HashMap;

use kernel::Detail;

use super::{Column, Columns, SheetProduct, SheetVariant};

/// The products read so far, and where each is.
#[derive(Default)]
pub(super) struct Grouped {
    pub(super) products: Vec<SheetProduct>,
    by_slug: HashMap<String, usize>,
    by_sku: HashMap<String, (usize, usize)>,
}

// === impl Grouped ===

impl Grouped {
    /// Adds a line's product and variant to what earlier lines said of them, which must not be something else.
    pub(super) fn add(
        &mut self,
        product: SheetProduct,
        variant: SheetVariant,
        columns: &Columns,
        problems: &mut Vec<Detail>,
    ) {
        let next = self.products.len();
        let place = *self.by_slug.entry(product.slug.as_str().to_owned()).or_insert(next);
        let line = product.line;
        if place == next {
            self.products.push(product);
        } else if let Some(first) = self.products.get(place) {
            let differing = [
                (Column::ProductName, first.name != product.name),
                (Column::Description, first.description != product.description),
                (Column::Category, first.category != product.category),
                (Column::Status, first.status != product.status),
                (Column::ImageUrl, first.image_url != product.image_url),
            ];
            note_differences(differing, line, first.line, columns, problems);
        }
        self.add_variant(place, variant, columns, problems);
    }

    fn add_variant(
        &mut self,
        place: usize,
        variant: SheetVariant,
        columns: &Columns,
        problems: &mut Vec<Detail>,
    ) {
        let Some(product) = self.products.get_mut(place) else { return };
        let next = product.variants.len();
        let line = variant.line;
        let (owner, at) = *self.by_sku.entry(variant.sku.as_str().to_owned()).or_insert((place, next));
        if owner != place {
            problems.push(columns.problem(line, Column::Sku, "stands under another product too".to_owned()));
        } else if at == next {
            product.variants.push(variant);
        } else if let Some(first) = product.variants.get_mut(at) {
            let differing = [
                (Column::VariantName, first.name != variant.name),
                (Column::VariantStatus, first.status != variant.status),
                (Column::Stock, first.stock != variant.stock),
            ];
            note_differences(differing, line, first.line, columns, problems);
            for price in variant.prices {
                if first.prices.iter().any(|known| known.currency == price.currency) {
                    let message = "the variant has a price in this currency already".to_owned();
                    problems.push(columns.problem(line, Column::Currency, message));
                } else {
                    first.prices.push(price);
                }
            }
        }
    }
}

fn note_differences<const N: usize>(
    differing: [(Column, bool); N],
    line: u64,
    first: u64,
    columns: &Columns,
    problems: &mut Vec<Detail>,
) {
    for (column, _) in differing.into_iter().filter(|(_, differs)| *differs) {
        problems.push(columns.problem(line, column, format!("is not what line {first} says")));
    }
}

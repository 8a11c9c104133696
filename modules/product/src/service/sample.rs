//! A sample catalogue, so that a new shop has something in it; and as many more products as somebody wants for measuring.

use std::fmt::Write as _;

use super::Service;
use crate::error::Error;
use crate::store::products;

/// The sample, in the format of imports.
const CATALOGUE: &str = include_str!("../../sample/catalogue.csv");

/// Products made in one transaction.
const BATCH: i64 = 500;

const COLOURS: [&str; 12] = [
    "Amber", "Birch", "Coral", "Dusk", "Ebony", "Fern", "Granite", "Honey", "Indigo", "Juniper", "Linen",
    "Moss",
];
const KINDS: [&str; 10] =
    ["Carafe", "Mug", "Throw", "Lamp", "Notebook", "Planter", "Tray", "Basket", "Apron", "Clock"];
const PLACES: [&str; 5] = ["home", "home/kitchen", "home/living", "stationery", "garden"];

impl Service {
    /// Puts the sample into a store without products. With `products`, adds made-up ones until there are that many. Doing it again
    /// changes nothing. Gives the number of products there are then.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn seed(&self, products: Option<u32>) -> Result<i64, Error> {
        let mut there = self.store.read(products::count).await?;
        if there == 0 {
            self.import(CATALOGUE.as_bytes().to_vec(), None).await?;
            there = self.store.read(products::count).await?;
        }
        let wanted = products.map_or(0, i64::from);
        while there < wanted {
            let end = wanted.min(there.saturating_add(BATCH));
            self.import(made_up(there, end).into_bytes(), None).await?;
            let now_there = self.store.read(products::count).await?;
            if now_there <= there {
                // The numbers are taken by products that were made up when there were fewer others.
                break;
            }
            there = now_there;
            log::info!("{there} of {wanted} products are there");
        }
        Ok(there)
    }
}

/// The made-up products with the numbers from `start` up to `end`; the same number always gives the same product.
fn made_up(start: i64, end: i64) -> String {
    let mut file = String::from(
        "product_slug,product_name,description,category_slug,sku,variant_name,price,currency,stock,status\n",
    );
    for number in start..end {
        let colour = pick(&COLOURS, number);
        let kind = pick(&KINDS, number / 12);
        let place = pick(&PLACES, number / 7);
        let euros = 5 + number % 95;
        let stock = 10 + number % 90;
        let slug = format!("{}-{}-{number}", colour.to_lowercase(), kind.to_lowercase());
        let text = format!(
            "A {} in {}, number {number} of a long series.",
            kind.to_lowercase(),
            colour.to_lowercase()
        );
        // Writing to a string cannot fail.
        let _infallible = writeln!(
            file,
            "{slug},{colour} {kind} {number},\"{text}\",{place},GEN-{number},,{euros}.90,EUR,{stock},active"
        );
    }
    file
}

fn pick<'a>(names: &[&'a str], number: i64) -> &'a str {
    let place = usize::try_from(number).unwrap_or(0) % names.len().max(1);
    names.get(place).copied().unwrap_or("Plain")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::sheet;

    #[test]
    fn the_sample_is_a_whole_small_shop() {
        let sheet = sheet::read(CATALOGUE.as_bytes()).unwrap();
        let categories: BTreeSet<_> = sheet.products.iter().map(|product| &product.category).collect();
        let variants: usize = sheet.products.iter().map(|product| product.variants.len()).sum();
        assert!(sheet.products.len() >= 72, "{}", sheet.products.len());
        assert!(categories.len() >= 7 && categories.iter().any(|path| path.len() > 1), "{categories:?}");
        assert!(variants * 10 >= sheet.products.len() * 15, "{variants}");
        for product in &sheet.products {
            assert!(!product.description.as_str().is_empty(), "{}", product.slug.as_str());
            assert!(product.variants.iter().all(|variant| !variant.prices.is_empty()));
        }
    }

    #[test]
    fn made_up_products_are_always_the_same() {
        assert_eq!(made_up(72, 90), made_up(72, 90));
        let sheet = sheet::read(made_up(0, 1_000).as_bytes()).unwrap();
        assert_eq!(sheet.products.len(), 1_000);
    }
}

//! Taking in a file: one transaction, all of it or nothing.

use std::collections::{HashMap, HashSet};

use kernel::store::Tx;
use kernel::{Currency, Detail, ProductId, Timestamp, UserId, VariantId};

use super::Service;
use super::products::new_row;
use super::variants::NewVariants;
use crate::domain::CategoryId;
use crate::domain::draft::{MOST_PRICES, MOST_VARIANTS, ProductDraft, VariantDraft};
use crate::domain::search::fold;
use crate::domain::sheet::{self, Column, MOST_PROBLEMS, Sheet, SheetProduct, SheetVariant};
use crate::domain::status::VariantStatus;
use crate::domain::text::ImageUrl;
use crate::error::Error;
use crate::store::categories::{self, CategoryRow};
use crate::store::prices::{self, PriceRow};
use crate::store::products::{self, ProductRow};
use crate::store::projections;
use crate::store::variants::{self, VariantRow};

/// What became of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Products that are new.
    pub products_created: usize,
    /// Products of which something is new, be it a variant or a price.
    pub products_changed: usize,
    /// Products that were as the file says.
    pub products_unchanged: usize,
    /// Variants that are new.
    pub variants_created: usize,
    /// Categories that are new.
    pub categories_created: usize,
}

impl Service {
    /// Takes in a file of products, as [`crate::domain::sheet`] describes it.
    ///
    /// # Errors
    /// [`Error::MalformedCsv`], with line and column of what is wrong.
    pub async fn import(&self, file: Vec<u8>, by: Option<UserId>) -> Result<Imported, Error> {
        // A large file takes long enough to read that others would notice.
        let sheet = tokio::task::spawn_blocking(move || sheet::read(&file))
            .await
            .map_err(|_panicked| kernel::store::StoreError::Panicked)?
            .map_err(Error::MalformedCsv)?;
        self.store.write(move |tx| Import::run(tx, &sheet, by)).await
    }
}

/// What the store knows of the file's things, and what is to be written.
struct Import<'a> {
    sheet: &'a Sheet,
    by: Option<UserId>,
    now: Timestamp,
    products: HashMap<String, ProductRow>,
    variants: HashMap<String, VariantRow>,
    prices: HashMap<(VariantId, Currency), i64>,
    /// How many variants each known product has, and the place behind the last.
    places: HashMap<ProductId, (usize, i32)>,
    problems: Vec<Detail>,

    done: Imported,
    new_products: Vec<ProductRow>,
    changed_products: Vec<ProductRow>,
    new_variants: NewVariants,
    changed_variants: Vec<VariantRow>,
    new_prices: Vec<PriceRow>,
}

impl<'a> Import<'a> {
    fn run(tx: &mut Tx<'_>, sheet: &'a Sheet, by: Option<UserId>) -> Result<Imported, Error> {
        let mut import = Self::load(tx, sheet, by)?;
        let categories = import.categories(tx)?;
        for (product, category) in sheet.products.iter().zip(categories) {
            import.product(product, category);
        }
        if !import.problems.is_empty() {
            import.problems.truncate(MOST_PROBLEMS);
            return Err(Error::MalformedCsv(import.problems));
        }
        import.write(tx)
    }

    fn load(tx: &mut Tx<'_>, sheet: &'a Sheet, by: Option<UserId>) -> Result<Self, Error> {
        let slugs: Vec<String> =
            sheet.products.iter().map(|product| product.slug.as_str().to_owned()).collect();
        let skus: Vec<String> = sheet
            .products
            .iter()
            .flat_map(|product| &product.variants)
            .map(|variant| variant.sku.as_str().to_owned())
            .collect();
        let products = products::by_slugs(tx, &slugs)?;
        let variants = variants::by_skus(tx, &skus)?;
        let variant_ids: Vec<VariantId> = variants.iter().map(|variant| variant.id).collect();
        let prices = prices::of_variants(tx, &variant_ids)?;
        let product_ids: Vec<ProductId> = products.iter().map(|product| product.id).collect();
        let mut places: HashMap<ProductId, (usize, i32)> = HashMap::new();
        for variant in variants::of_products(tx, &product_ids)? {
            let (count, next) = places.entry(variant.product_id).or_default();
            *count += 1;
            *next = variant.position.saturating_add(1).max(*next);
        }
        Ok(Self {
            sheet,
            by,
            now: Timestamp::now(),
            products: products.into_iter().map(|row| (row.slug.clone(), row)).collect(),
            variants: variants.into_iter().map(|row| (row.sku.clone(), row)).collect(),
            prices: prices.into_iter().map(|row| ((row.variant_id, row.currency), row.amount)).collect(),
            places,
            problems: Vec::new(),
            done: Imported::default(),
            new_products: Vec::new(),
            changed_products: Vec::new(),
            new_variants: NewVariants::default(),
            changed_variants: Vec::new(),
            new_prices: Vec::new(),
        })
    }

    /// The category of each product. Makes those that are missing.
    fn categories(&mut self, tx: &mut Tx<'_>) -> Result<Vec<Option<CategoryId>>, Error> {
        let rows = categories::all(tx)?;
        let mut next: HashMap<Option<CategoryId>, i32> = HashMap::new();
        for row in &rows {
            let place = next.entry(row.parent_id).or_default();
            *place = row.position.saturating_add(1).max(*place);
        }
        let mut known: HashMap<String, (CategoryId, Option<CategoryId>)> =
            rows.into_iter().map(|row| (row.slug, (row.id, row.parent_id))).collect();
        let mut found = Vec::new();
        for product in &self.sheet.products {
            let mut here = None;
            for slug in &product.category {
                here = match known.get(slug.as_str()) {
                    // A single slug names a category wherever it stands; a path must be the whole way to it.
                    Some((id, parent)) if *parent == here || product.category.len() == 1 => Some(*id),
                    Some(_) => {
                        let message = format!("the category {} stands elsewhere", slug.as_str());
                        self.problems.push(self.sheet.problem(product.line, Column::Category, message));
                        break;
                    }
                    None => {
                        let place = next.entry(here).or_default();
                        let row = CategoryRow {
                            id: CategoryId::new(),
                            parent_id: here,
                            slug: slug.as_str().to_owned(),
                            name: slug.to_name(),
                            position: *place,
                            version: 1,
                        };
                        *place += 1;
                        categories::insert(tx, &row)?;
                        self.done.categories_created += 1;
                        known.insert(row.slug, (row.id, here));
                        Some(row.id)
                    }
                };
            }
            found.push(here);
        }
        Ok(found)
    }

    fn product(&mut self, wanted: &SheetProduct, category: Option<CategoryId>) {
        let known = self.products.get(wanted.slug.as_str()).cloned();
        let is_new = known.is_none();
        let before = known.unwrap_or_else(|| new_row(&draft(wanted, category), self.now));
        let mut row = merged(&before, wanted, category);
        let mut changed = row != before;
        for variant in &wanted.variants {
            changed |= self.variant(row.id, variant);
        }
        if is_new {
            self.done.products_created += 1;
            self.new_products.push(row);
        } else if changed {
            self.done.products_changed += 1;
            row.version += 1;
            self.changed_products.push(row);
        } else {
            self.done.products_unchanged += 1;
        }
    }

    /// Says whether something about the variant is new.
    fn variant(&mut self, product: ProductId, wanted: &SheetVariant) -> bool {
        let Some(known) = self.variants.get(wanted.sku.as_str()).cloned() else {
            let (count, position) = self.places.entry(product).or_default();
            let place = *position;
            *count += 1;
            *position = place.saturating_add(1);
            if *count > MOST_VARIANTS {
                self.problem(wanted, Column::Sku, format!("a product has at most {MOST_VARIANTS} variants"));
            }
            if wanted.prices.len() > MOST_PRICES {
                self.problem(wanted, Column::Price, format!("a variant has at most {MOST_PRICES} prices"));
            }
            self.new_variants.add(product, place, &variant_draft(wanted), self.by, self.now);
            self.done.variants_created += 1;
            return true;
        };
        if known.product_id != product {
            self.problem(wanted, Column::Sku, "belongs to another product".to_owned());
            return false;
        }
        let mut row = known.clone();
        row.name = wanted.name.as_str().to_owned();
        row.status = wanted.status.unwrap_or(row.status);
        let prices = wanted.prices.iter().filter(|price| {
            self.prices.get(&(row.id, price.currency)).is_none_or(|amount| *amount != price.amount)
        });
        let prices: Vec<PriceRow> = prices.map(|price| PriceRow::new(row.id, *price)).collect();
        if row == known && prices.is_empty() {
            return false;
        }
        row.version += 1;
        self.changed_variants.push(row);
        self.new_prices.extend(prices);
        true
    }

    fn problem(&mut self, variant: &SheetVariant, column: Column, message: String) {
        self.problems.push(self.sheet.problem(variant.line, column, message));
    }

    fn write(self, tx: &mut Tx<'_>) -> Result<Imported, Error> {
        products::insert(tx, &self.new_products)?;
        for row in &self.changed_products {
            products::update(tx, row)?;
        }
        for row in &self.changed_variants {
            variants::update(tx, row)?;
        }
        self.new_variants.insert(tx)?;
        prices::set(tx, &self.new_prices)?;
        let touched: HashSet<ProductId> =
            self.new_products.iter().chain(&self.changed_products).map(|row| row.id).collect();
        projections::refresh(tx, &touched.into_iter().collect::<Vec<_>>())?;
        Ok(self.done)
    }
}

fn merged(before: &ProductRow, wanted: &SheetProduct, category_id: Option<CategoryId>) -> ProductRow {
    let image_url = match &wanted.image_url {
        None => before.image_url.clone(),
        Some(image_url) => image_url.clone().map(ImageUrl::into_string),
    };
    ProductRow {
        name: wanted.name.as_str().to_owned(),
        name_key: fold(wanted.name.as_str()),
        description: wanted.description.as_str().to_owned(),
        image_url,
        category_id,
        status: wanted.status,
        ..before.clone()
    }
}

fn draft(wanted: &SheetProduct, category_id: Option<CategoryId>) -> ProductDraft {
    ProductDraft {
        slug: wanted.slug.clone(),
        name: wanted.name.clone(),
        description: wanted.description.clone(),
        image_url: wanted.image_url.clone().flatten(),
        category_id,
        status: wanted.status,
        variants: Vec::new(),
    }
}

fn variant_draft(wanted: &SheetVariant) -> VariantDraft {
    VariantDraft {
        sku: wanted.sku.clone(),
        name: wanted.name.clone(),
        status: wanted.status.unwrap_or(VariantStatus::Active),
        prices: wanted.prices.clone(),
        stock: wanted.stock,
    }
}

//! What everybody may see of the catalogue.

use std::collections::HashMap;

use kernel::{Page, ProductId, Timestamp, VariantId};

use super::Service;
use crate::domain::CategoryId;
use crate::domain::status::ProductStatus;
use crate::error::Error;
use crate::store::catalog::{Filter, Listed, Position, Sort};
use crate::store::categories::{self, CategoryRow};
use crate::store::details::{self, ProductRef, VariantDetails};
use crate::store::products::ProductRow;
use crate::store::{catalog, stock};

/// A product's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductPage {
    /// The product.
    pub product: ProductRow,
    /// Where it stands.
    pub category: Option<CategoryRow>,
    /// Its variants on sale.
    pub variants: Vec<VariantDetails>,
}

/// Units of a variant that could be reserved now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VariantAvailability {
    /// The variant.
    pub variant_id: VariantId,
    /// The units.
    pub available: i64,
}

/// A category and how many products on sale are in it or below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryView {
    /// The category.
    pub category: CategoryRow,
    /// The products.
    pub product_count: i64,
}

impl Service {
    /// A page of products. `cursor` makes the text that continues after a position.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list_products(
        &self,
        filter: Filter,
        sort: Sort,
        after: Option<Position>,
        limit: u32,
        cursor: impl FnOnce(&Position) -> String,
    ) -> Result<Page<Listed>, Error> {
        let searched = filter.words.is_some();
        let rows = self
            .store
            .read(move |db| catalog::list(db, &filter, sort, after.as_ref(), i64::from(limit) + 1))
            .await?;
        Ok(Page::cut(rows, limit, |last| cursor(&last.position(sort, searched))))
    }

    /// The category of that slug with all that are below it; none when there is no such category.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn categories_under(&self, slug: String) -> Result<Vec<CategoryId>, Error> {
        let rows = self.store.read(categories::all).await?;
        let top = rows.iter().find(|row| row.slug == slug);
        Ok(top.map_or_else(Vec::new, |top| categories::tree(&rows).with_descendants(top.id)))
    }

    /// The page of a product on sale. Its parts are read one after another, so that a change between them may show in one only.
    ///
    /// # Errors
    /// [`Error::ProductNotFound`].
    pub async fn product_page(&self, name: ProductRef) -> Result<ProductPage, Error> {
        self.store
            .read(move |db| {
                let (product, category) = details::on_sale(db, &name)?.ok_or(Error::ProductNotFound)?;
                let variants = details::variants_on_sale(db, product.id)?;
                Ok(ProductPage { product, category, variants })
            })
            .await
    }

    /// What could be reserved of a product on sale right now. Holds that ran out count as free.
    ///
    /// # Errors
    /// [`Error::ProductNotFound`].
    pub async fn availability(
        &self,
        name: ProductRef,
    ) -> Result<(ProductId, Vec<VariantAvailability>), Error> {
        self.store
            .read_snapshot(move |db| {
                let (product, _) = details::on_sale(db, &name)?.ok_or(Error::ProductNotFound)?;
                let on_sale = details::variants_on_sale(db, product.id)?;
                let ids: Vec<VariantId> = on_sale.iter().map(|variant| variant.variant.id).collect();
                let expired = stock::expired(db, &ids, Timestamp::now())?;
                let variants = on_sale.iter().map(|variant| VariantAvailability {
                    variant_id: variant.variant.id,
                    available: variant.stock.stock().available()
                        + expired.get(&variant.variant.id).copied().unwrap_or(0),
                });
                Ok((product.id, variants.collect()))
            })
            .await
    }

    /// All categories, each before those below it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn categories(&self) -> Result<Vec<CategoryView>, Error> {
        let (rows, counts) = self
            .store
            .read_snapshot(|db| Ok::<_, Error>((categories::all(db)?, categories::products_on_sale(db)?)))
            .await?;
        let tree = categories::tree(&rows);
        let counts: HashMap<CategoryId, i64> =
            counts.into_iter().filter_map(|(category, count)| Some((category?, count))).collect();
        let mut rows: HashMap<CategoryId, CategoryRow> = rows.into_iter().map(|row| (row.id, row)).collect();
        let view = |id: CategoryId| {
            let below = tree.with_descendants(id);
            let product_count = below.iter().filter_map(|id| counts.get(id)).sum();
            Some(CategoryView { category: rows.remove(&id)?, product_count })
        };
        Ok(tree.depth_first().into_iter().filter_map(view).collect())
    }

    /// The id of a product on sale.
    ///
    /// # Errors
    /// [`Error::ProductNotFound`].
    pub async fn product_on_sale(&self, name: ProductRef) -> Result<ProductId, Error> {
        self.store
            .read(move |db| {
                let found = details::on_sale(db, &name)?;
                found.map(|(product, _)| product.id).ok_or(Error::ProductNotFound)
            })
            .await
    }

    /// A filter that lets everything on sale pass, with prices in euro.
    pub fn everything_on_sale() -> Filter {
        Filter {
            status: Some(ProductStatus::Active),
            categories: None,
            ids: None,
            words: None,
            currency: kernel::Currency::EUR,
            price_from: None,
            price_to: None,
            in_stock: None,
            rating_from: None,
        }
    }
}

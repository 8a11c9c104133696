//! What staff do with products.

use kernel::idempotency::{self, Answer, Key};
use kernel::store::{Db, Tx};
use kernel::{ProductId, Timestamp, UserId};

use super::variants::{self as variant_writes, StaffVariant};
use super::{Precondition, Render, Service};
use crate::domain::CategoryId;
use crate::domain::draft::{ProductChange, ProductDraft};
use crate::domain::search::fold;
use crate::domain::status::ProductStatus;
use crate::domain::text::ImageUrl;
use crate::error::Error;
use crate::store::products::{self, ProductRow};
use crate::store::{categories, prices, projections, variants};

/// A product as staff see it: with every variant and price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffProduct {
    /// The product.
    pub product: ProductRow,
    /// Its variants, of any status.
    pub variants: Vec<StaffVariant>,
}

impl Service {
    /// Makes a product with its variants, once for `key`.
    ///
    /// # Errors
    /// [`Error::SlugTaken`], [`Error::SkuTaken`], [`Error::Invalid`] when the category does not exist.
    pub async fn create_product(
        &self,
        draft: ProductDraft,
        by: UserId,
        key: Option<Key>,
        render: Render<StaffProduct>,
    ) -> Result<Answer, Error> {
        self.store
            .write(move |tx| {
                idempotency::once(tx, key.as_ref(), |tx| {
                    let id = create(tx, &draft, by)?;
                    Ok(render(&load(tx, id)?)?)
                })
            })
            .await
    }

    /// A product of any status.
    ///
    /// # Errors
    /// [`Error::ProductNotFound`].
    pub async fn staff_product(&self, id: ProductId) -> Result<StaffProduct, Error> {
        self.store.read_snapshot(move |db| load(db, id)).await
    }

    /// Changes a product.
    ///
    /// # Errors
    /// [`Error::ProductNotFound`], [`Error::Changed`], [`Error::SlugTaken`], [`Error::Invalid`] when the category does not exist.
    pub async fn change_product(
        &self,
        id: ProductId,
        expected: Precondition,
        change: ProductChange,
    ) -> Result<StaffProduct, Error> {
        self.store
            .write(move |tx| {
                let product = products::find(tx, id)?.ok_or(Error::ProductNotFound)?;
                expected.check(product.version)?;
                apply(tx, product, &change)?;
                load(tx, id)
            })
            .await
    }

    /// Takes a product out of the shop. It stays for the orders that name it.
    ///
    /// # Errors
    /// [`Error::ProductNotFound`], [`Error::Changed`].
    pub async fn archive_product(
        &self,
        id: ProductId,
        expected: Precondition,
    ) -> Result<StaffProduct, Error> {
        let change = ProductChange { status: Some(ProductStatus::Archived), ..ProductChange::default() };
        self.change_product(id, expected, change).await
    }
}

fn create(tx: &mut Tx<'_>, draft: &ProductDraft, by: UserId) -> Result<ProductId, Error> {
    if products::owner_of_slug(tx, draft.slug.as_str())?.is_some() {
        return Err(Error::SlugTaken);
    }
    refuse_unknown_category(tx, draft.category_id)?;
    let row = new_row(draft, Timestamp::now());
    products::insert(tx, std::slice::from_ref(&row))?;
    variant_writes::create(tx, row.id, 0, &draft.variants, Some(by))?;
    projections::refresh(tx, &[row.id])?;
    Ok(row.id)
}

/// The row of a product that is made now.
pub(super) fn new_row(draft: &ProductDraft, now: Timestamp) -> ProductRow {
    ProductRow {
        id: ProductId::new(),
        slug: draft.slug.as_str().to_owned(),
        name: draft.name.as_str().to_owned(),
        name_key: fold(draft.name.as_str()),
        description: draft.description.as_str().to_owned(),
        image_url: draft.image_url.clone().map(ImageUrl::into_string),
        category_id: draft.category_id,
        status: draft.status,
        version: 1,
        created_at: now,
        rating_sum: 0,
        rating_count: 0,
        rating_hundredths: 0,
    }
}

fn apply(tx: &mut Tx<'_>, before: ProductRow, change: &ProductChange) -> Result<(), Error> {
    let mut row = before.clone();
    if let Some(slug) = &change.slug {
        row.slug = slug.as_str().to_owned();
        if products::owner_of_slug(tx, &row.slug)?.is_some_and(|owner| owner != row.id) {
            return Err(Error::SlugTaken);
        }
    }
    if let Some(name) = &change.name {
        row.name = name.as_str().to_owned();
        row.name_key = fold(&row.name);
    }
    if let Some(description) = &change.description {
        row.description = description.as_str().to_owned();
    }
    if let Some(image_url) = &change.image_url {
        row.image_url = image_url.clone().map(ImageUrl::into_string);
    }
    if let Some(category_id) = change.category_id {
        refuse_unknown_category(tx, category_id)?;
        row.category_id = category_id;
    }
    row.status = change.status.unwrap_or(row.status);
    if row == before {
        return Ok(());
    }
    row.version += 1;
    products::update(tx, &row)?;
    projections::refresh(tx, &[row.id])?;
    Ok(())
}

fn refuse_unknown_category(tx: &mut Tx<'_>, category: Option<CategoryId>) -> Result<(), Error> {
    match category {
        Some(id) if categories::find(tx, id)?.is_none() => {
            Err(Error::Invalid(vec![kernel::Detail::of("category_id", "there is no such category")]))
        }
        _ => Ok(()),
    }
}

fn load(db: &mut Db, id: ProductId) -> Result<StaffProduct, Error> {
    let product = products::find(db, id)?.ok_or(Error::ProductNotFound)?;
    let variants = variants::of_products(db, &[id])?;
    let ids: Vec<_> = variants.iter().map(|variant| variant.id).collect();
    let prices = prices::of_variants(db, &ids)?;
    let variants = variants.into_iter().map(|variant| StaffVariant::of(variant, &prices)).collect();
    Ok(StaffProduct { product, variants })
}

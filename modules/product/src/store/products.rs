//! Products.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{ProductId, Timestamp, on_each};

use super::CHUNK;
use crate::domain::CategoryId;
use crate::domain::rating::mean_in_hundredths;
use crate::domain::status::ProductStatus;
use crate::schema::products;

/// A product as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = products, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct ProductRow {
    /// Names it.
    pub id: ProductId,
    /// Names it in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The name as it is sorted.
    pub name_key: String,
    /// What there is to say of it.
    pub description: String,
    /// Its picture.
    pub image_url: Option<String>,
    /// Where it stands.
    pub category_id: Option<CategoryId>,
    /// Whether it is in the shop.
    pub status: ProductStatus,
    /// Rises with each change of it or of a variant.
    pub version: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Stars of its published reviews together.
    pub rating_sum: i64,
    /// How many there are.
    pub rating_count: i64,
    /// Their mean in hundredths of a star; 0 without any.
    pub rating_hundredths: i32,
}

pub fn find(db: &mut Db, id: ProductId) -> Result<Option<ProductRow>, StoreError> {
    let row = products::table.find(id);
    Ok(on_each!(db, conn => row.select(ProductRow::as_select()).first(conn).optional())?)
}

/// The products with any of the slugs.
pub fn by_slugs(db: &mut Db, slugs: &[String]) -> Result<Vec<ProductRow>, StoreError> {
    let mut found = Vec::new();
    for slugs in slugs.chunks(CHUNK) {
        found.extend(on_each!(db, conn => products::table
            .filter(products::slug.eq_any(slugs))
            .select(ProductRow::as_select())
            .load(conn))?);
    }
    Ok(found)
}

/// Whose slug it is.
pub fn owner_of_slug(db: &mut Db, slug: &str) -> Result<Option<ProductId>, StoreError> {
    let row = products::table.filter(products::slug.eq(slug)).select(products::id);
    Ok(on_each!(db, conn => row.first(conn).optional())?)
}

/// The products of a category, directly in it.
pub fn in_category(db: &mut Db, category: CategoryId) -> Result<Vec<ProductId>, StoreError> {
    let rows = products::table.filter(products::category_id.eq(category)).select(products::id);
    Ok(on_each!(db, conn => rows.load(conn))?)
}

/// Up to `limit` products of any status after `after`, by id: for walking all of them.
pub fn walk(db: &mut Db, after: Option<ProductId>, limit: i64) -> Result<Vec<ProductRow>, StoreError> {
    Ok(on_each!(db, conn => {
        let mut query = products::table.select(ProductRow::as_select()).into_boxed();
        if let Some(after) = after {
            query = query.filter(products::id.gt(after));
        }
        query.order(products::id).limit(limit).load(conn)
    })?)
}

/// How many there are, of any status.
pub fn count(db: &mut Db) -> Result<i64, StoreError> {
    Ok(on_each!(db, conn => products::table.count().get_result(conn))?)
}

pub fn insert(tx: &mut Tx<'_>, rows: &[ProductRow]) -> Result<(), StoreError> {
    for rows in rows.chunks(CHUNK) {
        on_each!(tx, conn => diesel::insert_into(products::table).values(rows).execute(conn))?;
    }
    Ok(())
}

/// Writes the row over the stored one.
pub fn update(tx: &mut Tx<'_>, row: &ProductRow) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::update(products::table.find(row.id)).set(row).execute(conn))?;
    Ok(())
}

/// Marks the products as changed: what belongs to them has.
pub fn touch(tx: &mut Tx<'_>, ids: &[ProductId]) -> Result<(), StoreError> {
    for ids in ids.chunks(CHUNK) {
        on_each!(tx, conn => diesel::update(products::table.filter(products::id.eq_any(ids)))
            .set(products::version.eq(products::version + 1))
            .execute(conn))?;
    }
    Ok(())
}

/// Counts ratings in or out.
pub fn add_rating(tx: &mut Tx<'_>, id: ProductId, stars: i64, reviews: i64) -> Result<(), StoreError> {
    let row = products::table.find(id);
    let (sum, count): (i64, i64) =
        on_each!(tx, conn => row.select((products::rating_sum, products::rating_count)).first(conn))?;
    let (sum, count) = (sum.saturating_add(stars), count.saturating_add(reviews));
    let change = (
        products::rating_sum.eq(sum),
        products::rating_count.eq(count),
        products::rating_hundredths.eq(mean_in_hundredths(sum, count)),
    );
    on_each!(tx, conn => diesel::update(row).set(change).execute(conn))?;
    Ok(())
}

//! Categories.

use diesel::dsl::{count_star, exists, select};
use diesel::prelude::*;
use kernel::on_each;
use kernel::store::{Db, StoreError, Tx};

use crate::domain::CategoryId;
use crate::domain::category::Tree;
use crate::domain::status::ProductStatus;
use crate::schema::{categories, products};

/// A category as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = categories, treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct CategoryRow {
    /// Names it.
    pub id: CategoryId,
    /// What it stands below.
    pub parent_id: Option<CategoryId>,
    /// Names it in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Where it stands among its siblings.
    pub position: i32,
    /// Rises with each change.
    pub version: i32,
}

/// All of them, siblings in their order. A shop has few enough.
pub fn all(db: &mut Db) -> Result<Vec<CategoryRow>, StoreError> {
    let order = (categories::position, categories::name, categories::id);
    Ok(on_each!(db, conn => categories::table.order(order).select(CategoryRow::as_select()).load(conn))?)
}

/// The tree that the rows make.
pub fn tree(rows: &[CategoryRow]) -> Tree {
    Tree::of(rows.iter().map(|row| (row.id, row.parent_id)))
}

pub fn find(db: &mut Db, id: CategoryId) -> Result<Option<CategoryRow>, StoreError> {
    let row = categories::table.find(id);
    Ok(on_each!(db, conn => row.select(CategoryRow::as_select()).first(conn).optional())?)
}

/// How many products are on sale in each category, directly in it.
pub fn products_on_sale(db: &mut Db) -> Result<Vec<(Option<CategoryId>, i64)>, StoreError> {
    let counts = products::table
        .filter(products::status.eq(ProductStatus::Active))
        .group_by(products::category_id)
        .select((products::category_id, count_star()));
    Ok(on_each!(db, conn => counts.load(conn))?)
}

/// Whether a product, of any status, or another category stands in it.
pub fn in_use(db: &mut Db, id: CategoryId) -> Result<bool, StoreError> {
    let by_product = select(exists(products::table.filter(products::category_id.eq(id))));
    let by_category = select(exists(categories::table.filter(categories::parent_id.eq(id))));
    let has_products: bool = on_each!(db, conn => by_product.get_result(conn))?;
    let has_categories: bool = on_each!(db, conn => by_category.get_result(conn))?;
    Ok(has_products || has_categories)
}

pub fn insert(tx: &mut Tx<'_>, row: &CategoryRow) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::insert_into(categories::table).values(row).execute(conn))?;
    Ok(())
}

/// Writes the row over the stored one.
pub fn update(tx: &mut Tx<'_>, row: &CategoryRow) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::update(categories::table.find(row.id)).set(row).execute(conn))?;
    Ok(())
}

pub fn delete(tx: &mut Tx<'_>, id: CategoryId) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::delete(categories::table.find(id)).execute(conn))?;
    Ok(())
}

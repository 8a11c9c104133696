//! Reviews.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{ProductId, Timestamp, UserId, on_each};

use crate::domain::ReviewId;
use crate::domain::status::ReviewStatus;
use crate::schema::reviews;

/// A review as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = reviews, treat_none_as_default_value = false)]
pub struct ReviewRow {
    /// Names it.
    pub id: ReviewId,
    /// The product.
    pub product_id: ProductId,
    /// Who wrote it.
    pub user_id: UserId,
    /// 1 to 5 stars.
    pub rating: i32,
    /// Headline.
    pub title: String,
    /// Text.
    pub body: String,
    /// Whether it is shown.
    pub status: ReviewStatus,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The user's own review of that id.
pub fn find_own(db: &mut Db, id: ReviewId, user: UserId) -> Result<Option<ReviewRow>, StoreError> {
    let row = reviews::table.filter(reviews::id.eq(id)).filter(reviews::user_id.eq(user));
    Ok(on_each!(db, conn => row.select(ReviewRow::as_select()).first(conn).optional())?)
}

/// Up to `limit` published reviews of the product before `before`, the newest first.
pub fn list(
    db: &mut Db,
    product: ProductId,
    before: Option<ReviewId>,
    limit: i64,
) -> Result<Vec<ReviewRow>, StoreError> {
    Ok(on_each!(db, conn => {
        let mut query = reviews::table
            .filter(reviews::product_id.eq(product))
            .filter(reviews::status.eq(ReviewStatus::Published))
            .select(ReviewRow::as_select())
            .into_boxed();
        if let Some(before) = before {
            query = query.filter(reviews::id.lt(before));
        }
        query.order(reviews::id.desc()).limit(limit).load(conn)
    })?)
}

/// Adds the review, unless the user has one of the product. Says whether it was added.
pub fn insert(tx: &mut Tx<'_>, row: &ReviewRow) -> Result<bool, StoreError> {
    let added = on_each!(tx, conn => diesel::insert_into(reviews::table)
        .values(row)
        .on_conflict((reviews::product_id, reviews::user_id))
        .do_nothing()
        .execute(conn))?;
    Ok(added == 1)
}

/// Writes the row over the stored one.
pub fn update(tx: &mut Tx<'_>, row: &ReviewRow) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::update(reviews::table.find(row.id)).set(row).execute(conn))?;
    Ok(())
}

pub fn delete(tx: &mut Tx<'_>, id: ReviewId) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::delete(reviews::table.find(id)).execute(conn))?;
    Ok(())
}

//! The ledger of stock. Rows are only ever added.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{Timestamp, UserId, VariantId, on_each};

use super::CHUNK;
use crate::domain::MovementId;
use crate::schema::stock_movements;

/// Units that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = stock_movements, treat_none_as_default_value = false)]
pub struct MovementRow {
    /// Names it.
    pub id: MovementId,
    /// The variant.
    pub variant_id: VariantId,
    /// The units: below zero when they went.
    pub delta: i64,
    /// Why.
    pub reason: String,
    /// The reservation it belongs to, if any.
    pub reference: Option<String>,
    /// The member of staff who made it, if any.
    pub actor: Option<UserId>,
    /// When.
    pub moved_at: Timestamp,
}

pub fn insert(tx: &mut Tx<'_>, rows: &[MovementRow]) -> Result<(), StoreError> {
    for rows in rows.chunks(CHUNK) {
        on_each!(tx, conn => diesel::insert_into(stock_movements::table).values(rows).execute(conn))?;
    }
    Ok(())
}

/// Up to `limit` movements of the variant before `before`, the newest first.
pub fn list(
    db: &mut Db,
    variant: VariantId,
    before: Option<MovementId>,
    limit: i64,
) -> Result<Vec<MovementRow>, StoreError> {
    Ok(on_each!(db, conn => {
        let mut query = stock_movements::table
            .filter(stock_movements::variant_id.eq(variant))
            .select(MovementRow::as_select())
            .into_boxed();
        if let Some(before) = before {
            query = query.filter(stock_movements::id.lt(before));
        }
        query.order(stock_movements::id.desc()).limit(limit).load(conn)
    })?)
}

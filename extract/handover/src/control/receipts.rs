//! Receipts as they are stored.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{Timestamp, on_each};

use crate::peel::OperationId;
use crate::schema::receipts;

/// A receipt as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = receipts)]
pub struct Stored {
    /// The handover.
    pub id: OperationId,
    /// What went.
    pub module: String,
    /// When it ended.
    pub at: Timestamp,
    /// The receipt, byte for byte.
    pub body: String,
}

pub(super) fn insert(tx: &mut Tx<'_>, receipt: &Stored) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::insert_into(receipts::table)
        .values(receipt)
        .on_conflict_do_nothing()
        .execute(conn))?;
    Ok(())
}

/// The newest, newest first.
pub(super) fn newest(db: &mut Db, limit: u32) -> Result<Vec<Stored>, StoreError> {
    let newest = receipts::table.order(receipts::id.desc()).limit(limit.into());
    Ok(on_each!(db, conn => newest.select(Stored::as_select()).load(conn))?)
}

pub(super) fn find(db: &mut Db, id: OperationId) -> Result<Option<Stored>, StoreError> {
    let receipt = receipts::table.find(id);
    Ok(on_each!(db, conn => receipt.select(Stored::as_select()).first(conn).optional())?)
}

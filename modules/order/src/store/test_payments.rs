//! The test payment provider's own books.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{Currency, Timestamp, on_each};

use crate::schema::test_payments;

/// One payment in the provider's books.
#[derive(Debug, Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = test_payments)]
pub(crate) struct TestPayment {
    pub(crate) reference: String,
    pub(crate) idempotency_key: String,
    pub(crate) token: String,
    pub(crate) state: String,
    pub(crate) currency: Currency,
    pub(crate) amount: i64,
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
    /// Times that the next operation shall fail.
    pub(crate) failures: i32,
    pub(crate) created_at: Timestamp,
}

/// Books a payment, unless one with its key is booked; gives the one that is.
pub(crate) fn insert_or_find(tx: &mut Tx<'_>, payment: &TestPayment) -> Result<TestPayment, StoreError> {
    on_each!(tx, conn => diesel::insert_into(test_payments::table)
        .values(payment)
        .on_conflict_do_nothing()
        .execute(conn))?;
    match by_key(tx, &payment.idempotency_key)? {
        Some(booked) => Ok(booked),
        None => Err(StoreError::Corrupt("a test payment was booked and is not there".to_owned())),
    }
}

pub(crate) fn by_key(db: &mut Db, key: &str) -> Result<Option<TestPayment>, StoreError> {
    let row = test_payments::table.filter(test_payments::idempotency_key.eq(key));
    Ok(on_each!(db, conn => row.select(TestPayment::as_select()).first(conn).optional())?)
}

pub(crate) fn by_reference(db: &mut Db, reference: &str) -> Result<Option<TestPayment>, StoreError> {
    let row = test_payments::table.find(reference);
    Ok(on_each!(db, conn => row.select(TestPayment::as_select()).first(conn).optional())?)
}

pub(crate) fn update(tx: &mut Tx<'_>, payment: &TestPayment) -> Result<(), StoreError> {
    let row = test_payments::table.find(&payment.reference);
    on_each!(tx, conn => diesel::update(row).set(payment).execute(conn))?;
    Ok(())
}

//! Who has bought what.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{OrderId, ProductId, Timestamp, UserId, on_each};

use super::CHUNK;
use crate::schema::purchases;

/// Notes a user's purchases; those that are known stay as they are.
pub fn insert(
    tx: &mut Tx<'_>,
    user: UserId,
    products: &[ProductId],
    order: OrderId,
    at: Timestamp,
) -> Result<(), StoreError> {
    for products in products.chunks(CHUNK) {
        let rows: Vec<_> = products
            .iter()
            .map(|product| {
                (
                    purchases::user_id.eq(user),
                    purchases::product_id.eq(product),
                    purchases::order_id.eq(order),
                    purchases::at.eq(at),
                )
            })
            .collect();
        on_each!(tx, conn => diesel::insert_into(purchases::table)
            .values(&rows)
            .on_conflict_do_nothing()
            .execute(conn))?;
    }
    Ok(())
}

/// Forgets what was bought with an order.
pub fn delete(tx: &mut Tx<'_>, order: OrderId) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::delete(purchases::table.filter(purchases::order_id.eq(order))).execute(conn))?;
    Ok(())
}

/// Whether the user has bought the product, as far as is known here.
pub fn exists(db: &mut Db, user: UserId, product: ProductId) -> Result<bool, StoreError> {
    let purchase = purchases::table
        .filter(purchases::user_id.eq(user))
        .filter(purchases::product_id.eq(product))
        .select(purchases::order_id);
    let order: Option<OrderId> = on_each!(db, conn => purchase.first(conn).optional())?;
    Ok(order.is_some())
}

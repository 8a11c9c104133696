//! The projection of orders: what lists and lookups need.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{Currency, OrderId, ProductId, Timestamp, UserId, on_each};

use crate::domain::order::{Order, Status};
use crate::schema::{order_counters, order_lines, orders};

/// A row of a list of orders.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = orders)]
pub(crate) struct OrderRow {
    pub(crate) id: OrderId,
    pub(crate) number: String,
    pub(crate) user_id: Option<UserId>,
    pub(crate) guest_hash: Option<String>,
    pub(crate) email: String,
    pub(crate) status: String,
    pub(crate) payment_status: String,
    pub(crate) currency: Currency,
    pub(crate) total: i64,
    pub(crate) needs_attention: bool,
    pub(crate) version: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// Which orders to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct OrderFilter {
    /// Of this buyer.
    pub(crate) user_id: Option<UserId>,
    /// In one of these; in any if there are none.
    pub(crate) statuses: Vec<Status>,
    /// Flagged or not.
    pub(crate) needs_attention: Option<bool>,
    /// Bought with this address.
    pub(crate) email: Option<String>,
}

/// Writes what the events say now.
pub(crate) fn project(tx: &mut Tx<'_>, id: OrderId, order: &Order) -> Result<(), StoreError> {
    let row = OrderRow::of(id, order);
    on_each!(tx, conn => diesel::insert_into(orders::table)
        .values(&row)
        .on_conflict(orders::id)
        .do_update()
        .set(&row)
        .execute(conn))?;
    Ok(())
}

/// Writes the lines, which never change.
pub(crate) fn project_lines(tx: &mut Tx<'_>, id: OrderId, order: &Order) -> Result<(), StoreError> {
    let rows: Vec<_> = order
        .placed
        .lines
        .iter()
        .map(|line| {
            (
                order_lines::order_id.eq(id),
                order_lines::variant_id.eq(line.variant_id),
                order_lines::product_id.eq(line.product_id),
                order_lines::quantity.eq(line.quantity),
            )
        })
        .collect();
    on_each!(tx, conn => diesel::insert_into(order_lines::table)
        .values(&rows)
        .on_conflict_do_nothing()
        .execute(conn))?;
    Ok(())
}

/// Orders by `filter`, the newest first, after `after`.
pub(crate) fn list(
    db: &mut Db,
    filter: &OrderFilter,
    after: Option<OrderId>,
    limit: i64,
) -> Result<Vec<OrderRow>, StoreError> {
    Ok(on_each!(db, conn => {
        let mut rows = orders::table.select(OrderRow::as_select()).order(orders::id.desc()).limit(limit).into_boxed();
        if let Some(user_id) = filter.user_id {
            rows = rows.filter(orders::user_id.eq(user_id));
        }
        if !filter.statuses.is_empty() {
            rows = rows.filter(orders::status.eq_any(filter.statuses.iter().map(|status| status.name())));
        }
        if let Some(needs_attention) = filter.needs_attention {
            rows = rows.filter(orders::needs_attention.eq(needs_attention));
        }
        if let Some(email) = &filter.email {
            rows = rows.filter(orders::email.eq(email));
        }
        if let Some(after) = after {
            rows = rows.filter(orders::id.lt(after));
        }
        rows.load(conn)
    })?)
}

/// Whether a confirmed order of the user has the product in it.
pub(crate) fn has_bought(db: &mut Db, user_id: UserId, product_id: ProductId) -> Result<bool, StoreError> {
    let bought = order_lines::table
        .inner_join(orders::table.on(orders::id.eq(order_lines::order_id)))
        .filter(order_lines::product_id.eq(product_id))
        .filter(orders::user_id.eq(user_id))
        .filter(orders::status.eq(Status::Confirmed.name()))
        .select(order_lines::order_id);
    let first: Option<OrderId> = on_each!(db, conn => bought.first(conn).optional())?;
    Ok(first.is_some())
}

/// The ids of every order after `after`, in order.
pub(crate) fn ids_after(db: &mut Db, after: Option<OrderId>, limit: i64) -> Result<Vec<OrderId>, StoreError> {
    use crate::schema::order_events;
    Ok(on_each!(db, conn => {
        let mut ids = order_events::table
            .filter(order_events::seq.eq(1))
            .select(order_events::order_id)
            .order(order_events::order_id)
            .limit(limit)
            .into_boxed();
        if let Some(after) = after {
            ids = ids.filter(order_events::order_id.gt(after));
        }
        ids.load(conn)
    })?)
}

/// The next number of the year: gap-free, because it is counted in the order's own transaction.
pub(crate) fn next_number(tx: &mut Tx<'_>, now: Timestamp) -> Result<String, StoreError> {
    let time = now.to_string();
    let year = time.split('-').next().unwrap_or("0");
    let name = format!("order_number_{year}");
    let first = (order_counters::name.eq(&name), order_counters::value.eq(1_i64));
    on_each!(tx, conn => diesel::insert_into(order_counters::table)
        .values(&first)
        .on_conflict(order_counters::name)
        .do_update()
        .set(order_counters::value.eq(order_counters::value + 1))
        .execute(conn))?;
    let counter = order_counters::table.find(&name).select(order_counters::value);
    let value: i64 = on_each!(tx, conn => counter.first(conn))?;
    Ok(format!("R-{year}-{value:06}"))
}

// === impl OrderRow ===

impl OrderRow {
    /// What the projection says of an order.
    pub(crate) fn of(id: OrderId, order: &Order) -> Self {
        Self {
            id,
            number: order.placed.number.clone(),
            user_id: order.placed.user_id,
            guest_hash: order.placed.guest_hash.clone(),
            email: order.placed.email.clone(),
            status: order.status.name().to_owned(),
            payment_status: order.payment_status().name().to_owned(),
            currency: order.placed.currency,
            total: order.placed.total,
            needs_attention: order.attention.is_some(),
            version: order.version,
            created_at: order.placed_at,
            updated_at: order.updated_at,
        }
    }
}

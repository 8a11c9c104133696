//! Carts and their items.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{CartId, Currency, Timestamp, UserId, VariantId, on_each};

use crate::schema::{cart_items, carts};

pub(crate) const OPEN: &str = "open";
pub(crate) const CHECKED_OUT: &str = "checked_out";
pub(crate) const MERGED: &str = "merged";

/// A cart.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = carts)]
pub(crate) struct CartRow {
    pub(crate) id: CartId,
    pub(crate) user_id: Option<UserId>,
    pub(crate) guest_hash: Option<String>,
    pub(crate) claimed_hash: Option<String>,
    pub(crate) merged_into: Option<CartId>,
    pub(crate) currency: Currency,
    pub(crate) status: String,
    pub(crate) version: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// Variants and their units, the first added first.
pub(crate) type Items = Vec<(VariantId, i64)>;

impl CartRow {
    pub(crate) fn is_open(&self) -> bool {
        self.status == OPEN
    }
}

pub(crate) fn find(db: &mut Db, id: CartId) -> Result<Option<CartRow>, StoreError> {
    let row = carts::table.find(id);
    Ok(on_each!(db, conn => row.select(CartRow::as_select()).first(conn).optional())?)
}

pub(crate) fn open_of_user(db: &mut Db, user_id: UserId) -> Result<Option<CartRow>, StoreError> {
    let row = carts::table.filter(carts::user_id.eq(user_id)).filter(carts::status.eq(OPEN));
    Ok(on_each!(db, conn => row.select(CartRow::as_select()).first(conn).optional())?)
}

/// The cart that a guest owns, or owned until a user claimed it.
pub(crate) fn of_guest(db: &mut Db, hash: &str) -> Result<Option<CartRow>, StoreError> {
    let row = carts::table.filter(carts::guest_hash.eq(hash).or(carts::claimed_hash.eq(hash)));
    Ok(on_each!(db, conn => row.select(CartRow::as_select()).first(conn).optional())?)
}

pub(crate) fn insert(tx: &mut Tx<'_>, cart: &CartRow) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::insert_into(carts::table).values(cart).execute(conn))?;
    Ok(())
}

/// Writes everything about a cart that changes, and a new version.
pub(crate) fn update(tx: &mut Tx<'_>, cart: &CartRow, now: Timestamp) -> Result<(), StoreError> {
    let change = (
        carts::user_id.eq(cart.user_id),
        carts::guest_hash.eq(&cart.guest_hash),
        carts::claimed_hash.eq(&cart.claimed_hash),
        carts::merged_into.eq(cart.merged_into),
        carts::status.eq(&cart.status),
        carts::version.eq(cart.version + 1),
        carts::updated_at.eq(now),
    );
    on_each!(tx, conn => diesel::update(carts::table.find(cart.id)).set(change).execute(conn))?;
    Ok(())
}

pub(crate) fn delete(tx: &mut Tx<'_>, id: CartId) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::delete(carts::table.find(id)).execute(conn))?;
    Ok(())
}

pub(crate) fn items(db: &mut Db, id: CartId) -> Result<Items, StoreError> {
    let rows = cart_items::table
        .filter(cart_items::cart_id.eq(id))
        .order((cart_items::added_at, cart_items::variant_id))
        .select((cart_items::variant_id, cart_items::quantity));
    Ok(on_each!(db, conn => rows.load(conn))?)
}

/// The units of each variant in a user's open cart.
pub(crate) fn quantities_of_user(db: &mut Db, user_id: UserId) -> Result<Vec<i64>, StoreError> {
    let rows = cart_items::table
        .inner_join(carts::table.on(carts::id.eq(cart_items::cart_id)))
        .filter(carts::user_id.eq(user_id))
        .filter(carts::status.eq(OPEN))
        .select(cart_items::quantity);
    Ok(on_each!(db, conn => rows.load(conn))?)
}

/// Sets the units of one variant; none removes it.
pub(crate) fn set_item(
    tx: &mut Tx<'_>,
    cart_id: CartId,
    variant_id: VariantId,
    quantity: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    if quantity == 0 {
        let item = cart_items::table.find((cart_id, variant_id));
        on_each!(tx, conn => diesel::delete(item).execute(conn))?;
        return Ok(());
    }
    let row = (
        cart_items::cart_id.eq(cart_id),
        cart_items::variant_id.eq(variant_id),
        cart_items::quantity.eq(quantity),
        cart_items::added_at.eq(now),
    );
    on_each!(tx, conn => diesel::insert_into(cart_items::table)
        .values(&row)
        .on_conflict((cart_items::cart_id, cart_items::variant_id))
        .do_update()
        .set(cart_items::quantity.eq(quantity))
        .execute(conn))?;
    Ok(())
}

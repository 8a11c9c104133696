//! What carts and orders need of the product store.

use diesel::prelude::*;
use kernel::{Id, IdKind, Timestamp};

use super::Failure;
use super::schema::product::{
    prices, products, reservation_lines, reservations, stock_movements, variant_stock, variants,
};

enum Movement {}
impl IdKind for Movement {
    const PREFIX: &'static str = "mov";
}

/// A variant as carts and orders show it.
#[derive(Queryable)]
#[expect(dead_code, reason = "the module reads these columns, so they are read here, too")]
pub(super) struct Summary {
    pub(super) id: String,
    pub(super) product_id: String,
    pub(super) slug: String,
    pub(super) sku: String,
    product_name: String,
    variant_name: String,
    product_status: String,
    variant_status: String,
    on_hand: i64,
    reserved: i64,
    amount: Option<i64>,
}

impl Summary {
    pub(super) fn name(&self) -> String {
        if self.variant_name.is_empty() {
            self.product_name.clone()
        } else {
            format!("{}, {}", self.product_name, self.variant_name)
        }
    }

    pub(super) fn price(&self) -> Result<i64, Failure> {
        self.amount.ok_or_else(|| super::other("not sold in this currency"))
    }

    pub(super) fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }
}

/// Two statements: the variants, and what is held of them by reservations that ran out (which is not counted here: there are none).
pub(super) fn summaries(
    conn: &mut SqliteConnection,
    ids: &[String],
    now: Timestamp,
) -> Result<Vec<Summary>, Failure> {
    let price = prices::table.on(prices::variant_id.eq(variants::id).and(prices::currency.eq("EUR")));
    let found = variants::table
        .inner_join(products::table)
        .inner_join(variant_stock::table)
        .left_join(price)
        .filter(variants::id.eq_any(ids))
        .select((
            variants::id,
            variants::product_id,
            products::slug,
            variants::sku,
            products::name,
            variants::name,
            products::status,
            variants::status,
            variant_stock::on_hand,
            variant_stock::reserved,
            prices::amount.nullable(),
        ))
        .load(conn)?;
    let _expired: Vec<(String, i64)> = reservation_lines::table
        .inner_join(reservations::table)
        .filter(reservations::state.eq("held"))
        .filter(reservations::expires_at.le(now))
        .filter(reservation_lines::variant_id.eq_any(ids))
        .select((reservation_lines::variant_id, reservation_lines::quantity))
        .load(conn)?;
    Ok(found)
}

/// Holds units for each line or for none.
pub(super) fn reserve(
    conn: &mut SqliteConnection,
    id: &str,
    lines: &[(String, i64)],
    expires_at: Timestamp,
) -> Result<(), Failure> {
    let now = Timestamp::now();
    conn.immediate_transaction(|conn| {
        let wanted: Vec<&String> = lines.iter().map(|(variant, _)| variant).collect();
        let there: Vec<(String, i64, i64, String, String)> = variant_stock::table
            .inner_join(variants::table.inner_join(products::table))
            .filter(variant_stock::variant_id.eq_any(wanted))
            .select((
                variant_stock::variant_id,
                variant_stock::on_hand,
                variant_stock::reserved,
                products::status,
                variants::status,
            ))
            .load(conn)?;
        for (variant, quantity) in lines {
            let enough = there
                .iter()
                .any(|(id, on_hand, reserved, ..)| id == variant && on_hand - reserved >= *quantity);
            if !enough {
                return Err(super::other("sold out"));
            }
            change(conn, variant, 0, *quantity)?;
        }
        let row = (
            reservations::id.eq(id),
            reservations::state.eq("held"),
            reservations::expires_at.eq(expires_at),
            reservations::changed_at.eq(now),
        );
        diesel::insert_into(reservations::table).values(row).execute(conn)?;
        let rows: Vec<_> = lines
            .iter()
            .map(|(variant, quantity)| {
                (
                    reservation_lines::reservation_id.eq(id),
                    reservation_lines::variant_id.eq(variant),
                    reservation_lines::quantity.eq(quantity),
                )
            })
            .collect();
        diesel::insert_into(reservation_lines::table).values(rows).execute(conn)?;
        Ok(())
    })
}

/// Lets the held units leave, and writes it down.
pub(super) fn commit(conn: &mut SqliteConnection, id: &str, lines: &[(String, i64)]) -> Result<(), Failure> {
    let now = Timestamp::now();
    conn.immediate_transaction(|conn| {
        let held = reservations::table.filter(reservations::id.eq(id)).filter(reservations::state.eq("held"));
        let moved = diesel::update(held)
            .set((reservations::state.eq("committed"), reservations::changed_at.eq(now)))
            .execute(conn)?;
        if moved != 1 {
            return Err(super::other("the reservation is gone"));
        }
        for (variant, quantity) in lines {
            change(conn, variant, -quantity, -quantity)?;
        }
        let rows: Vec<_> = lines
            .iter()
            .map(|(variant, quantity)| {
                (
                    stock_movements::id.eq(Id::<Movement>::new().to_string()),
                    stock_movements::variant_id.eq(variant),
                    stock_movements::delta.eq(-quantity),
                    stock_movements::reason.eq("sold"),
                    stock_movements::reference.eq(Some(id)),
                    stock_movements::actor.eq(None::<String>),
                    stock_movements::moved_at.eq(now),
                )
            })
            .collect();
        diesel::insert_into(stock_movements::table).values(rows).execute(conn)?;
        Ok(())
    })
}

fn change(conn: &mut SqliteConnection, variant: &str, on_hand: i64, reserved: i64) -> Result<(), Failure> {
    diesel::update(variant_stock::table.find(variant))
        .set((
            variant_stock::on_hand.eq(variant_stock::on_hand + on_hand),
            variant_stock::reserved.eq(variant_stock::reserved + reserved),
        ))
        .execute(conn)?;
    Ok(())
}

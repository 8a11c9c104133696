//! The transactions of a checkout on the order store.

use diesel::prelude::*;
use kernel::{Id, IdKind, Timestamp};
use serde_json::{Value, json};

use super::checkout::Draft;
use super::schema::order::{
    order_counters, order_events, order_lines, orders, payment_references, test_payments,
};
use super::{Failure, cart};

enum Payment {}
impl IdKind for Payment {
    const PREFIX: &'static str = "tpy";
}

/// Places the order, and gives its number.
pub(super) fn place(
    conn: &mut SqliteConnection,
    cart: &cart::CartRow,
    draft: &Draft,
) -> Result<String, Failure> {
    let now = draft.placed_at;
    conn.immediate_transaction(|conn| {
        cart::update(conn, cart, "checked_out", now)?;
        let number = next_number(conn, now)?;
        let placed = json!({
            "kind": "placed", "number": number, "user_id": draft.user_id, "guest_hash": null, "email": draft.email,
            "cart_id": cart.id, "currency": "EUR", "lines": draft.lines, "total": draft.total,
            "shipping_address": null, "reservation_id": draft.reservation, "pay_until": draft.pay_until,
        });
        let started = json!({
            "kind": "payment_started", "attempt": 1, "provider": draft.provider, "token": draft.token,
        });
        append(conn, &draft.id, 1, [placed, started], now)?;
        write_order(conn, draft, &number, ("pending", "pending", 2), now)?;
        let lines: Vec<_> = draft
            .lines
            .iter()
            .map(|line| {
                (
                    order_lines::order_id.eq(&draft.id),
                    order_lines::variant_id.eq(&line.variant_id),
                    order_lines::product_id.eq(&line.product_id),
                    order_lines::quantity.eq(line.quantity),
                )
            })
            .collect();
        diesel::insert_into(order_lines::table).values(lines).execute(conn)?;
        Ok(number)
    })
}

fn next_number(conn: &mut SqliteConnection, now: Timestamp) -> Result<String, Failure> {
    let time = now.to_string();
    let year = time.split('-').next().unwrap_or("0");
    let name = format!("order_number_{year}");
    diesel::insert_into(order_counters::table)
        .values((order_counters::name.eq(&name), order_counters::value.eq(1_i64)))
        .on_conflict(order_counters::name)
        .do_update()
        .set(order_counters::value.eq(order_counters::value + 1))
        .execute(conn)?;
    let value: i64 = order_counters::table.find(&name).select(order_counters::value).first(conn)?;
    Ok(format!("R-{year}-{value:06}"))
}

fn append<const N: usize>(
    conn: &mut SqliteConnection,
    id: &str,
    first: i32,
    events: [Value; N],
    now: Timestamp,
) -> Result<(), Failure> {
    for (event, seq) in events.iter().zip(first..) {
        let kind = event.get("kind").and_then(Value::as_str).unwrap_or_default();
        let row = (
            order_events::order_id.eq(id),
            order_events::seq.eq(seq),
            order_events::kind.eq(kind),
            order_events::data.eq(event.to_string()),
            order_events::at.eq(now),
        );
        diesel::insert_into(order_events::table).values(row).execute(conn)?;
    }
    Ok(())
}

fn write_order(
    conn: &mut SqliteConnection,
    draft: &Draft,
    number: &str,
    (status, payment_status, version): (&str, &str, i32),
    now: Timestamp,
) -> Result<(), Failure> {
    let row = (
        orders::id.eq(&draft.id),
        orders::number.eq(number),
        orders::user_id.eq(Some(&draft.user_id)),
        orders::guest_hash.eq(None::<String>),
        orders::email.eq(&draft.email),
        orders::status.eq(status),
        orders::payment_status.eq(payment_status),
        orders::currency.eq("EUR"),
        orders::total.eq(draft.total),
        orders::needs_attention.eq(false),
        orders::version.eq(version),
        orders::created_at.eq(draft.placed_at),
        orders::updated_at.eq(now),
    );
    let changed = (
        orders::status.eq(status),
        orders::payment_status.eq(payment_status),
        orders::version.eq(version),
        orders::updated_at.eq(now),
    );
    diesel::insert_into(orders::table)
        .values(row)
        .on_conflict(orders::id)
        .do_update()
        .set(changed)
        .execute(conn)?;
    Ok(())
}

/// Has the provider book an authorised payment, and gives its reference.
pub(super) fn authorize(conn: &mut SqliteConnection, draft: &Draft) -> Result<String, Failure> {
    let reference = Id::<Payment>::new().to_string();
    let row = (
        test_payments::reference.eq(&reference),
        test_payments::idempotency_key.eq(format!("{}:1", draft.id)),
        test_payments::token.eq(&draft.token),
        test_payments::state.eq("authorized"),
        test_payments::currency.eq("EUR"),
        test_payments::amount.eq(draft.total),
        test_payments::captured.eq(0_i64),
        test_payments::refunded.eq(0_i64),
        test_payments::failures.eq(0),
        test_payments::created_at.eq(Timestamp::now()),
    );
    diesel::insert_into(test_payments::table).values(row).execute(conn)?;
    Ok(reference)
}

/// Has the provider take the money.
pub(super) fn capture(conn: &mut SqliteConnection, reference: &str) -> Result<(), Failure> {
    diesel::update(test_payments::table.find(reference))
        .set((test_payments::state.eq("captured"), test_payments::captured.eq(test_payments::amount)))
        .execute(conn)?;
    Ok(())
}

/// Writes down all that happened since, and gives when.
pub(super) fn confirm(
    conn: &mut SqliteConnection,
    draft: &Draft,
    number: &str,
    payment: &str,
) -> Result<Timestamp, Failure> {
    let now = Timestamp::now();
    let seen = |state: &str, captured: i64| {
        json!({"kind": "payment_seen", "attempt": 1, "snapshot": {
            "reference": payment, "state": state, "authorized": draft.total, "captured": captured, "refunded": 0,
        }})
    };
    let events = [
        json!({"kind": "stock_reserved"}),
        seen("authorized", 0),
        json!({"kind": "stock_committed"}),
        seen("captured", draft.total),
        json!({"kind": "confirmed"}),
    ];
    conn.immediate_transaction(|conn| {
        append(conn, &draft.id, 3, events, now)?;
        write_order(conn, draft, number, ("confirmed", "captured", 7), now)?;
        let reference = (
            payment_references::provider.eq(&draft.provider),
            payment_references::reference.eq(payment),
            payment_references::order_id.eq(&draft.id),
        );
        diesel::insert_into(payment_references::table).values(reference).execute(conn)?;
        Ok(now)
    })
}

//! Reservations.

use std::collections::BTreeMap;

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{ReservationId, Timestamp, VariantId, on_each};

use crate::domain::status::ReservationState;
use crate::domain::stock::Lines;
use crate::schema::{reservation_lines, reservations};

/// A reservation as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = reservations, treat_none_as_default_value = false)]
pub struct ReservationRow {
    pub id: ReservationId,
    pub state: ReservationState,
    pub expires_at: Timestamp,
    pub changed_at: Timestamp,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = reservation_lines, treat_none_as_default_value = false)]
struct LineRow {
    reservation_id: ReservationId,
    variant_id: VariantId,
    quantity: i64,
}

/// The reservation and its lines; a tombstone may have none.
pub fn find(db: &mut Db, id: ReservationId) -> Result<Option<(ReservationRow, Lines)>, StoreError> {
    let row = reservations::table.find(id);
    let row: Option<ReservationRow> =
        on_each!(db, conn => row.select(ReservationRow::as_select()).first(conn).optional())?;
    let Some(row) = row else { return Ok(None) };
    let lines = lines_of(db, &[id])?.remove(&id).unwrap_or_else(|| Lines::stored([]));
    Ok(Some((row, lines)))
}

/// The lines of the reservations.
pub fn lines_of(db: &mut Db, ids: &[ReservationId]) -> Result<BTreeMap<ReservationId, Lines>, StoreError> {
    let rows: Vec<LineRow> = on_each!(db, conn => reservation_lines::table
        .filter(reservation_lines::reservation_id.eq_any(ids))
        .select(LineRow::as_select())
        .load(conn))?;
    let mut by_reservation: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in rows {
        by_reservation.entry(row.reservation_id).or_default().push((row.variant_id, row.quantity));
    }
    Ok(by_reservation.into_iter().map(|(id, lines)| (id, Lines::stored(lines))).collect())
}

/// Holds that have run out, the oldest first.
pub fn expired(db: &mut Db, now: Timestamp, limit: i64) -> Result<Vec<ReservationId>, StoreError> {
    let rows = reservations::table
        .filter(reservations::state.eq(ReservationState::Held))
        .filter(reservations::expires_at.le(now))
        .order((reservations::expires_at, reservations::id))
        .limit(limit)
        .select(reservations::id);
    Ok(on_each!(db, conn => rows.load(conn))?)
}

/// Holds that have run out and have any of the variants.
pub fn expired_with(
    db: &mut Db,
    variants: &[VariantId],
    now: Timestamp,
) -> Result<Vec<ReservationId>, StoreError> {
    Ok(on_each!(db, conn => reservations::table
        .inner_join(reservation_lines::table)
        .filter(reservations::state.eq(ReservationState::Held))
        .filter(reservations::expires_at.le(now))
        .filter(reservation_lines::variant_id.eq_any(variants))
        .select(reservations::id)
        .distinct()
        .load(conn))?)
}

pub fn insert(tx: &mut Tx<'_>, row: &ReservationRow, lines: Option<&Lines>) -> Result<(), StoreError> {
    on_each!(tx, conn => diesel::insert_into(reservations::table).values(row).execute(conn))?;
    let lines: Vec<LineRow> = lines
        .into_iter()
        .flat_map(Lines::iter)
        .map(|(variant_id, quantity)| LineRow { reservation_id: row.id, variant_id, quantity })
        .collect();
    if !lines.is_empty() {
        on_each!(tx, conn => diesel::insert_into(reservation_lines::table).values(&lines).execute(conn))?;
    }
    Ok(())
}

/// Changes the state, if it is still `from`. Says whether it was.
pub fn change_state(
    tx: &mut Tx<'_>,
    id: ReservationId,
    from: ReservationState,
    to: ReservationState,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let row = reservations::table.filter(reservations::id.eq(id)).filter(reservations::state.eq(from));
    let change = (reservations::state.eq(to), reservations::changed_at.eq(now));
    Ok(on_each!(tx, conn => diesel::update(row).set(change).execute(conn))? == 1)
}

/// Lets a hold run longer.
pub fn extend(tx: &mut Tx<'_>, id: ReservationId, expires_at: Timestamp) -> Result<(), StoreError> {
    let row = reservations::table.find(id);
    let change = reservations::expires_at.eq(expires_at);
    on_each!(tx, conn => diesel::update(row).set(change).execute(conn))?;
    Ok(())
}

/// Deletes up to `limit` tombstones from before `before`. Says how many there were.
pub fn forget(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<usize, StoreError> {
    let old = reservations::table
        .filter(reservations::state.eq(ReservationState::Released))
        .filter(reservations::changed_at.lt(before))
        .limit(limit)
        .select(reservations::id);
    let ids: Vec<ReservationId> = on_each!(tx, conn => old.load(conn))?;
    on_each!(tx, conn => diesel::delete(
        reservation_lines::table.filter(reservation_lines::reservation_id.eq_any(&ids))).execute(conn))?;
    on_each!(tx, conn => diesel::delete(
        reservations::table.filter(reservations::id.eq_any(&ids))).execute(conn))?;
    Ok(ids.len())
}

//! When which saga runs, and who runs it.

use diesel::prelude::*;
use kernel::store::{Db, StoreError, Tx};
use kernel::{OrderId, Timestamp, lease, on_each};

use crate::schema::order_sagas;

/// A saga's schedule.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = order_sagas)]
pub(crate) struct SagaRow {
    pub(crate) order_id: OrderId,
    pub(crate) next_run_at: Option<Timestamp>,
    pub(crate) attempts: i32,
    pub(crate) ask: bool,
    pub(crate) lease_owner: Option<String>,
    pub(crate) lease_until: Option<Timestamp>,
    pub(crate) last_error: Option<String>,
}

/// What a runner leaves when it has done what it could.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) next_run_at: Option<Timestamp>,
    pub(crate) attempts: i32,
    pub(crate) last_error: Option<String>,
}

/// Begins a saga, due at once.
pub(crate) fn begin(tx: &mut Tx<'_>, order_id: OrderId, now: Timestamp) -> Result<(), StoreError> {
    let row = (
        order_sagas::order_id.eq(order_id),
        order_sagas::next_run_at.eq(Some(now)),
        order_sagas::attempts.eq(0),
        order_sagas::ask.eq(false),
    );
    on_each!(tx, conn => diesel::insert_into(order_sagas::table).values(&row).execute(conn))?;
    Ok(())
}

/// Makes a saga due now. With `ask`, its payments are asked about first, whatever the order's state.
pub(crate) fn wake(tx: &mut Tx<'_>, order_id: OrderId, ask: bool, now: Timestamp) -> Result<(), StoreError> {
    let saga = order_sagas::table.find(order_id);
    let change = (order_sagas::next_run_at.eq(Some(now)), order_sagas::attempts.eq(0));
    on_each!(tx, conn => diesel::update(saga).set(change).execute(conn))?;
    if ask {
        on_each!(tx, conn => diesel::update(saga).set(order_sagas::ask.eq(true)).execute(conn))?;
    }
    Ok(())
}

/// Whether any saga is due and run by nobody whose lease `counts`.
pub(crate) fn any_due(db: &mut Db, counts: &str, now: Timestamp) -> Result<bool, StoreError> {
    let due = order_sagas::table
        .filter(order_sagas::next_run_at.le(now))
        .filter(
            order_sagas::lease_until
                .is_null()
                .or(order_sagas::lease_until.le(now))
                .or(order_sagas::lease_owner.not_like(counts)),
        )
        .select(order_sagas::order_id);
    let first: Option<OrderId> = on_each!(db, conn => due.first(conn).optional())?;
    Ok(first.is_some())
}

/// Leases up to `limit` sagas that are due and that nobody runs.
pub(crate) fn claim(
    tx: &mut Tx<'_>,
    owner: &str,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<SagaRow>, StoreError> {
    let mut due: Vec<SagaRow> = on_each!(tx, conn => order_sagas::table
        .filter(order_sagas::next_run_at.le(now))
        .filter(
            order_sagas::lease_until
                .is_null()
                .or(order_sagas::lease_until.le(now))
                .or(order_sagas::lease_owner.not_like(lease::of_same_epoch(owner))),
        )
        .order(order_sagas::next_run_at)
        .limit(limit)
        .select(SagaRow::as_select())
        .load(conn))?;
    let ids: Vec<OrderId> = due.iter().map(|saga| saga.order_id).collect();
    let lease = (order_sagas::lease_owner.eq(Some(owner)), order_sagas::lease_until.eq(Some(until)));
    on_each!(tx, conn => diesel::update(order_sagas::table.filter(order_sagas::order_id.eq_any(&ids)))
        .set(lease)
        .execute(conn))?;
    for saga in &mut due {
        saga.lease_owner = Some(owner.to_owned());
    }
    Ok(due)
}

/// Ends a lease. If the saga was woken meanwhile it stays due; a runner that lost its lease changes nothing.
pub(crate) fn settle(tx: &mut Tx<'_>, claimed: &SagaRow, schedule: &Schedule) -> Result<(), StoreError> {
    let mine = order_sagas::table
        .filter(order_sagas::order_id.eq(claimed.order_id))
        .filter(order_sagas::lease_owner.eq(&claimed.lease_owner));
    let nobody = (
        order_sagas::lease_owner.eq(None::<String>),
        order_sagas::lease_until.eq(None::<Timestamp>),
        order_sagas::attempts.eq(schedule.attempts),
        order_sagas::last_error.eq(&schedule.last_error),
    );
    let undisturbed = order_sagas::next_run_at.eq(claimed.next_run_at);
    on_each!(tx, conn => diesel::update(mine.filter(undisturbed))
        .set(order_sagas::next_run_at.eq(schedule.next_run_at))
        .execute(conn))?;
    on_each!(tx, conn => diesel::update(mine).set(nobody).execute(conn))?;
    Ok(())
}

/// Notes that the payments have been asked about, unless somebody has said since that there is news.
pub(crate) fn asked(tx: &mut Tx<'_>, claimed: &SagaRow) -> Result<(), StoreError> {
    let saga = order_sagas::table
        .filter(order_sagas::order_id.eq(claimed.order_id))
        .filter(order_sagas::next_run_at.eq(claimed.next_run_at));
    on_each!(tx, conn => diesel::update(saga).set(order_sagas::ask.eq(false)).execute(conn))?;
    Ok(())
}

/// Gives up every lease of a process that stops.
pub(crate) fn release_all(tx: &mut Tx<'_>, runner: &str) -> Result<usize, StoreError> {
    let mine = order_sagas::table.filter(order_sagas::lease_owner.like(lease::of_runner(runner)));
    let nobody =
        (order_sagas::lease_owner.eq(None::<String>), order_sagas::lease_until.eq(None::<Timestamp>));
    Ok(on_each!(tx, conn => diesel::update(mine).set(nobody).execute(conn))?)
}

pub(crate) fn find(db: &mut Db, order_id: OrderId) -> Result<Option<SagaRow>, StoreError> {
    let saga = order_sagas::table.find(order_id);
    Ok(on_each!(db, conn => saga.select(SagaRow::as_select()).first(conn).optional())?)
}

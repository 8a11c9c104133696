//! Reservations of stock: all or nothing, each named by its holder, each step idempotent by that name.
//!
//! A hold that ran out counts as free: a request that is short of units first releases those of its variants. Until somebody does, it
//! can still be committed. The worker only tidies.

use std::collections::BTreeMap;

use kernel::store::Tx;
use kernel::{ReservationId, Timestamp, VariantId};
use product_contract::{ProductError, Reserve};

use super::Service;
use crate::domain::MovementId;
use crate::domain::status::ReservationState::{Committed, Held, Released};
use crate::domain::stock::{Lines, OnCommit, OnRelease, OnReserve, Stock, on_commit, on_release, on_reserve};
use crate::error::Error;
use crate::store::movements::{self, MovementRow};
use crate::store::reservations::{self, ReservationRow};
use crate::store::stock;

/// Why units left, and why they came back.
const SOLD: &str = "sold";
const RETURNED: &str = "sale undone";

impl Service {
    /// Holds stock for every line or for none. The same request again is the same hold; it may let it run longer.
    ///
    /// # Errors
    /// A [`ProductError`].
    pub async fn reserve(&self, request: Reserve) -> Result<(), Error> {
        self.reserve_at(request, Timestamp::now()).await
    }

    pub(crate) async fn reserve_at(&self, request: Reserve, now: Timestamp) -> Result<(), Error> {
        let outcome = match Lines::parse(&request.lines) {
            Err(error) => Err(error.into()),
            Ok(lines) => {
                self.store
                    .write(move |tx| reserve(tx, request.reservation_id, &lines, request.expires_at, now))
                    .await
            }
        };
        count(match &outcome {
            Ok(()) => "held",
            Err(Error::Contract(ProductError::InsufficientStock { .. })) => "short",
            Err(_) => "refused",
        });
        outcome
    }

    /// Turns a hold into stock that has left.
    ///
    /// # Errors
    /// [`ProductError::ReservationGone`].
    pub async fn commit_reservation(&self, id: ReservationId) -> Result<(), Error> {
        let outcome = self.store.write(move |tx| commit(tx, id, Timestamp::now())).await;
        count(if outcome.is_ok() { "committed" } else { "refused" });
        outcome
    }

    /// Undoes a hold or its commit, whatever became of it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn release_reservation(&self, id: ReservationId) -> Result<(), Error> {
        self.store.write(move |tx| release(tx, id, Timestamp::now())).await?;
        count("released");
        Ok(())
    }

    /// Releases up to `limit` holds that have run out. Says how many there were.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sweep(&self, limit: u32) -> Result<usize, Error> {
        self.sweep_at(limit, Timestamp::now()).await
    }

    pub(crate) async fn sweep_at(&self, limit: u32, now: Timestamp) -> Result<usize, Error> {
        let swept = self
            .store
            .write(move |tx| {
                let expired = reservations::expired(tx, now, i64::from(limit))?;
                free(tx, &expired, now)?;
                Ok::<_, Error>(expired.len())
            })
            .await?;
        metrics::counter!("banyan_reservations_total", "outcome" => "expired")
            .increment(u64::try_from(swept).unwrap_or(0));
        Ok(swept)
    }

    /// Forgets up to `limit` reservations that were released before `before`. Says how many there were.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget_released(&self, before: Timestamp, limit: u32) -> Result<usize, Error> {
        self.store.write(move |tx| Ok(reservations::forget(tx, before, i64::from(limit))?)).await
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("banyan_reservations_total", "outcome" => outcome).increment(1);
}

fn reserve(
    tx: &mut Tx<'_>,
    id: ReservationId,
    wanted: &Lines,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    let known = reservations::find(tx, id)?;
    match on_reserve(known.as_ref().map(|(row, lines)| (row.state, lines)), wanted)? {
        OnReserve::Already => {
            if known.is_some_and(|(row, _)| row.state == Held && row.expires_at < expires_at) {
                reservations::extend(tx, id, expires_at)?;
            }
            Ok(())
        }
        OnReserve::Hold => {
            let stock = stock_for_sale(tx, wanted)?;
            refuse_shortages(tx, wanted, stock, now)?;
            for (variant, quantity) in wanted.iter() {
                stock::add(tx, variant, 0, quantity)?;
            }
            let row = ReservationRow { id, state: Held, expires_at, changed_at: now };
            Ok(reservations::insert(tx, &row, Some(wanted))?)
        }
    }
}

fn stock_for_sale(tx: &mut Tx<'_>, wanted: &Lines) -> Result<BTreeMap<VariantId, Stock>, Error> {
    let known = stock::for_sale(tx, &wanted.variants())?;
    let mut found = BTreeMap::new();
    for variant_id in wanted.variants() {
        match known.get(&variant_id) {
            Some((stock, true)) => found.insert(variant_id, *stock),
            _ => return Err(ProductError::NotForSale { variant_id }.into()),
        };
    }
    Ok(found)
}

/// Passes if the stock covers the lines, if need be after releasing holds that ran out.
fn refuse_shortages(
    tx: &mut Tx<'_>,
    wanted: &Lines,
    mut stock: BTreeMap<VariantId, Stock>,
    now: Timestamp,
) -> Result<(), Error> {
    let mut shortages = wanted.shortages(&stock);
    if !shortages.is_empty() {
        let short: Vec<VariantId> = shortages.iter().map(|shortage| shortage.variant_id).collect();
        let expired = reservations::expired_with(tx, &short, now)?;
        if !expired.is_empty() {
            free(tx, &expired, now)?;
            stock = stock::of_variants(tx, &wanted.variants())?;
            shortages = wanted.shortages(&stock);
        }
    }
    if shortages.is_empty() { Ok(()) } else { Err(ProductError::InsufficientStock { shortages }.into()) }
}

fn commit(tx: &mut Tx<'_>, id: ReservationId, now: Timestamp) -> Result<(), Error> {
    let known = reservations::find(tx, id)?;
    let state = known.as_ref().map(|(row, _)| row.state);
    match (on_commit(state)?, known) {
        (OnCommit::Ship, Some((_, lines))) => {
            // Whoever changes the state first decides the race between a payment and an expiry.
            if !reservations::change_state(tx, id, Held, Committed, now)? {
                return Err(ProductError::ReservationGone.into());
            }
            move_units(tx, id, &lines, SOLD, now, |quantity| (-quantity, -quantity))
        }
        (OnCommit::Ship | OnCommit::Already, _) => Ok(()),
    }
}

fn release(tx: &mut Tx<'_>, id: ReservationId, now: Timestamp) -> Result<(), Error> {
    let known = reservations::find(tx, id)?;
    let state = known.as_ref().map(|(row, _)| row.state);
    match (on_release(state), known) {
        (OnRelease::Free, _) => free(tx, &[id], now),
        (OnRelease::Restock, Some((_, lines))) => {
            reservations::change_state(tx, id, Committed, Released, now)?;
            move_units(tx, id, &lines, RETURNED, now, |quantity| (quantity, 0))
        }
        (OnRelease::Bury, _) => {
            let row = ReservationRow { id, state: Released, expires_at: now, changed_at: now };
            Ok(reservations::insert(tx, &row, None)?)
        }
        (OnRelease::Restock | OnRelease::Already, _) => Ok(()),
    }
}

/// Releases holds. Variants are changed in ascending order over all of them together.
pub(super) fn free(tx: &mut Tx<'_>, ids: &[ReservationId], now: Timestamp) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut freed: BTreeMap<VariantId, i64> = BTreeMap::new();
    for (id, lines) in reservations::lines_of(tx, ids)? {
        if reservations::change_state(tx, id, Held, Released, now)? {
            for (variant, quantity) in lines.iter() {
                *freed.entry(variant).or_insert(0) += quantity;
            }
        }
    }
    for (variant, quantity) in freed {
        stock::add(tx, variant, 0, -quantity)?;
    }
    Ok(())
}

/// Moves the units of a reservation and writes it down; `change` gives what is added to on-hand and reserved.
fn move_units(
    tx: &mut Tx<'_>,
    id: ReservationId,
    lines: &Lines,
    reason: &str,
    now: Timestamp,
    change: impl Fn(i64) -> (i64, i64),
) -> Result<(), Error> {
    let mut rows = Vec::new();
    for (variant_id, quantity) in lines.iter() {
        let (on_hand, reserved) = change(quantity);
        stock::add(tx, variant_id, on_hand, reserved)?;
        rows.push(MovementRow {
            id: MovementId::new(),
            variant_id,
            delta: on_hand,
            reason: reason.to_owned(),
            reference: Some(id.to_string()),
            actor: None,
            moved_at: now,
        });
    }
    Ok(movements::insert(tx, &rows)?)
}

#[cfg(test)]
mod tests;

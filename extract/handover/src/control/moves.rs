//! What is decided about handovers.

use kernel::Timestamp;
use kernel::store::Tx;

use super::receipts::Stored;
use super::{Audit, Control, ControlError, JournalEntry, audit, handovers, operations, placements, receipts};
use crate::machine::{Base, Handover, State};
use crate::peel::OperationId;

impl Control {
    /// Begins a handover. One that goes on from another takes that one's place.
    ///
    /// # Errors
    /// [`ControlError::Running`] when anything else on the module has not ended, [`ControlError::Stale`] when the module is in
    /// another epoch than the handover.
    pub async fn begin_handover(&self, handover: Handover, audit: Audit) -> Result<(), ControlError> {
        self.store
            .write(move |tx| {
                let before = match handover.plan.base {
                    Base::Copy => None,
                    Base::Follow(before) => Some(before),
                };
                refuse_running(tx, &handover.module, before)?;
                if let Some(before) = before {
                    supersede(tx, before, &handover)?;
                }
                placements::ensure(tx, &handover.module)?;
                let placed = placements::load(tx)?;
                if placed.modules.get(&handover.module).map(|placed| placed.epoch) != Some(handover.epoch) {
                    return Err(ControlError::Stale);
                }
                handovers::insert(tx, &handover)?;
                placements::raise(tx)?;
                Ok(audit::insert(tx, &audit)?)
            })
            .await
    }

    /// Writes down that `handover` has entered its state from `from`, and with it what that means for the module's ownership.
    /// Gives the new generation.
    ///
    /// # Errors
    /// [`ControlError::Stale`] when it was in another state, or the module in another epoch.
    pub async fn enter(
        &self,
        handover: Handover,
        from: State,
        details: String,
        audit: Audit,
    ) -> Result<u64, ControlError> {
        self.store
            .write(move |tx| {
                if !handovers::update(tx, &handover, from, &details)?
                    || !placements::change_hands(tx, &handover)?
                {
                    return Err(ControlError::Stale);
                }
                audit::insert(tx, &audit)?;
                Ok(placements::raise(tx)?)
            })
            .await
    }

    /// Asks for a handover to go back.
    ///
    /// # Errors
    /// [`ControlError::Stale`] when there is no way back any more: nothing has changed.
    pub async fn cancel_handover(&self, id: OperationId, audit: Audit) -> Result<(), ControlError> {
        self.store
            .write(move |tx| {
                let found = handovers::find(tx, id)?;
                if found.and_then(|found| found.way_back()).is_none() {
                    return Err(ControlError::Stale);
                }
                handovers::cancel(tx, id)?;
                Ok(audit::insert(tx, &audit)?)
            })
            .await
    }

    /// One handover.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn handover(&self, id: OperationId) -> Result<Option<Handover>, ControlError> {
        self.store.read(move |db| Ok(handovers::find(db, id)?)).await
    }

    /// The newest handovers, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn handovers(&self, limit: u32) -> Result<Vec<Handover>, ControlError> {
        self.store.read(move |db| Ok(handovers::newest(db, limit)?)).await
    }

    /// The states that a handover reached, in their order.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn journal(&self, id: OperationId) -> Result<Vec<JournalEntry>, ControlError> {
        self.store.read(move |db| Ok(handovers::journal(db, id)?)).await
    }

    /// Keeps a receipt. The first of a handover holds.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep_receipt(&self, receipt: Stored) -> Result<(), ControlError> {
        self.store.write(move |tx| Ok(receipts::insert(tx, &receipt)?)).await
    }

    /// The newest receipts, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn receipts(&self, limit: u32) -> Result<Vec<Stored>, ControlError> {
        self.store.read(move |db| Ok(receipts::newest(db, limit)?)).await
    }

    /// One receipt.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn receipt(&self, id: OperationId) -> Result<Option<Stored>, ControlError> {
        self.store.read(move |db| Ok(receipts::find(db, id)?)).await
    }
}

/// Refuses when anything but `except` has not ended on the module.
pub(super) fn refuse_running(
    tx: &mut Tx<'_>,
    module: &str,
    except: Option<OperationId>,
) -> Result<(), ControlError> {
    let operation = operations::running(tx, module)?.map(|operation| operation.id);
    let handover = handovers::running(tx, module)?.map(|handover| handover.id);
    match operation.or(handover).filter(|running| Some(*running) != except) {
        Some(running) => Err(ControlError::Running { module: module.to_owned(), running }),
        None => Ok(()),
    }
}

/// Ends a handover that rests, because another goes on from it.
fn supersede(tx: &mut Tx<'_>, before: OperationId, by: &Handover) -> Result<(), ControlError> {
    let Some(before) = handovers::find(tx, before)?.filter(|before| before.state.rests()) else {
        return Err(ControlError::Stale);
    };
    let (from, now) = (before.state, Timestamp::now());
    let ended = Handover { state: State::Superseded, state_at: now, ended_at: Some(now), ..before };
    let details = format!("{} goes on from here", by.id);
    if handovers::update(tx, &ended, from, &details)? { Ok(()) } else { Err(ControlError::Stale) }
}

//! Keeps the receipts of handovers that have ended.

use handover::{ControlError, Handover, Receipt, Stored};

use crate::home::{Home, secrets};

/// Ended handovers that are looked at for a receipt that a crash kept from being written.
const LOOKED_AT: u32 = 50;

impl Home {
    /// Keeps the receipt of an ended handover. Doing it again changes nothing.
    pub(in crate::home) async fn write_receipt(&self, handover: &Handover) -> Result<(), ControlError> {
        let journal = self.inner.control.journal(handover.id).await?;
        let signed = Receipt::of(handover.clone(), journal).sign(&secrets::bytes(&self.inner.cluster_key));
        let body = match signed {
            Ok(body) => body,
            Err(error) => {
                log::error!("the receipt of {} cannot be written: {error}", handover.id);
                return Ok(());
            }
        };
        let stored = Stored {
            id: handover.id,
            module: handover.module.clone(),
            at: handover.ended_at.unwrap_or(handover.state_at),
            body,
        };
        self.inner.control.keep_receipt(stored).await
    }

    /// Writes the receipts that are missing.
    pub(in crate::home) async fn complete_receipts(&self) -> Result<(), ControlError> {
        for handover in self.inner.control.handovers(LOOKED_AT).await? {
            if handover.state.is_over() && self.inner.control.receipt(handover.id).await?.is_none() {
                self.write_receipt(&handover).await?;
            }
        }
        Ok(())
    }
}

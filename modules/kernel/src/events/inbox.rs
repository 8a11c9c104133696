//! Taking in the events of another module.

use kernel_types::{Event, EventBatch};

use super::positions;
use crate::store::{StoreError, Tx};

/// Applies the events that this store does not have yet, in their order, in this transaction. Gives the number of the last
/// that it has then. A batch that begins after the next one changes nothing: what is missing must come first.
///
/// # Errors
/// What `apply` returns; then nothing of the batch was taken in.
pub fn take<E: From<StoreError>>(
    tx: &mut Tx<'_>,
    batch: &EventBatch,
    mut apply: impl FnMut(&mut Tx<'_>, &Event) -> Result<(), E>,
) -> Result<i64, E> {
    let name = positions::from(&batch.source);
    let before = positions::read(tx, &name)?;
    let mut position = before;
    for event in &batch.events {
        if event.sequence <= position {
            continue;
        }
        if event.sequence != position + 1 {
            log::warn!("event {} of {} came before event {}", event.sequence, batch.source, position + 1);
            break;
        }
        apply(tx, event)?;
        position = event.sequence;
    }
    if position != before {
        positions::write(tx, &name, position)?;
    }
    Ok(position)
}

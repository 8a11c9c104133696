//! What staff do with stock.

use kernel::idempotency::{self, Answer, Key};
use kernel::store::Tx;
use kernel::{Page, Timestamp, UserId, VariantId};

use super::{Render, Service};
use crate::domain::MovementId;
use crate::domain::stock::Stock;
use crate::domain::text::Reason;
use crate::error::Error;
use crate::store::movements::{self, MovementRow};
use crate::store::{reservations, stock};

/// An adjustment that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// Its entry in the ledger.
    pub movement: MovementRow,
    /// The stock after it.
    pub stock: Stock,
}

impl Service {
    /// Stock of a variant.
    ///
    /// # Errors
    /// [`Error::VariantNotFound`].
    pub async fn stock(&self, variant: VariantId) -> Result<Stock, Error> {
        self.store.read(move |db| stock::find(db, variant)?.ok_or(Error::VariantNotFound)).await
    }

    /// A page of the ledger of a variant, the newest movement first.
    ///
    /// # Errors
    /// [`Error::VariantNotFound`].
    pub async fn movements(
        &self,
        variant: VariantId,
        before: Option<MovementId>,
        limit: u32,
        cursor: impl FnOnce(&MovementId) -> String,
    ) -> Result<Page<MovementRow>, Error> {
        let rows = self
            .store
            .read(move |db| {
                stock::find(db, variant)?.ok_or(Error::VariantNotFound)?;
                Ok::<_, Error>(movements::list(db, variant, before, i64::from(limit) + 1)?)
            })
            .await?;
        Ok(Page::cut(rows, limit, |last| cursor(&last.id)))
    }

    /// Adds units to a variant's stock or takes units out, once for `key`. Units that are held cannot be taken out.
    ///
    /// # Errors
    /// [`Error::VariantNotFound`], [`Error::TooFewUnits`], [`Error::Invalid`] for an adjustment by nothing or to too much.
    pub async fn adjust_stock(
        &self,
        variant: VariantId,
        delta: i64,
        reason: Reason,
        by: UserId,
        key: Option<Key>,
        render: Render<Adjustment>,
    ) -> Result<Answer, Error> {
        self.store
            .write(move |tx| {
                idempotency::once(tx, key.as_ref(), |tx| {
                    Ok(render(&adjust(tx, variant, delta, &reason, by, Timestamp::now())?)?)
                })
            })
            .await
    }
}

/// Makes an adjustment. Holds that ran out give way to it, as they do to a reservation.
pub(super) fn adjust(
    tx: &mut Tx<'_>,
    variant: VariantId,
    delta: i64,
    reason: &Reason,
    by: UserId,
    now: Timestamp,
) -> Result<Adjustment, Error> {
    let invalid = |message: &str| Error::Invalid(vec![kernel::Detail::of("delta", message)]);
    if delta == 0 {
        return Err(invalid("must not be 0"));
    }
    let mut before = stock::find(tx, variant)?.ok_or(Error::VariantNotFound)?;
    if before.adjusted(delta).is_none() && delta < 0 {
        let expired = reservations::expired_with(tx, &[variant], now)?;
        super::reservations::free(tx, &expired, now)?;
        before = stock::find(tx, variant)?.ok_or(Error::VariantNotFound)?;
    }
    let after = before.adjusted(delta).ok_or_else(|| match delta {
        1.. => invalid("would be more than can be kept"),
        _ => Error::TooFewUnits { available: before.available() },
    })?;
    stock::add(tx, variant, delta, 0)?;
    let movement = MovementRow {
        id: MovementId::new(),
        variant_id: variant,
        delta,
        reason: reason.as_str().to_owned(),
        reference: None,
        actor: Some(by),
        moved_at: now,
    };
    movements::insert(tx, std::slice::from_ref(&movement))?;
    Ok(Adjustment { movement, stock: after })
}

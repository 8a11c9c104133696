//! The module as other modules see it.

use kernel::{CallContext, CallError, EventBatch, Executed, Money, ReservationId, Timestamp, VariantId};
use product_contract::{GetVariants, ProductError, Products, Reserve, VariantSummary};

use crate::error::Error;
use crate::service::Service;
use crate::store::stock;

const MODULE: &str = "product";
/// Most variants that can be asked for at once.
const MOST_IDS: usize = 100;

type Outcome<T> = Result<T, CallError<ProductError>>;

#[async_trait::async_trait]
impl Products for Service {
    async fn get_variants(&self, context: CallContext, request: GetVariants) -> Outcome<Vec<VariantSummary>> {
        context.refuse_late(MODULE)?;
        if request.ids.len() > MOST_IDS {
            let reason = format!("at most {MOST_IDS} variants can be asked for at once");
            return Err(ProductError::Invalid { reason }.into());
        }
        self.summaries(request).await.map_err(into_call_error)
    }

    async fn reserve(&self, context: CallContext, request: Reserve) -> Outcome<()> {
        context.refuse_late(MODULE)?;
        Self::reserve(self, request).await.map_err(into_call_error)
    }

    async fn commit_reservation(&self, context: CallContext, id: ReservationId) -> Outcome<()> {
        context.refuse_late(MODULE)?;
        Self::commit_reservation(self, id).await.map_err(into_call_error)
    }

    async fn release_reservation(&self, context: CallContext, id: ReservationId) -> Outcome<()> {
        context.refuse_late(MODULE)?;
        Self::release_reservation(self, id).await.map_err(into_call_error)
    }

    async fn take_events(&self, context: CallContext, batch: EventBatch) -> Outcome<i64> {
        context.refuse_late(MODULE)?;
        Self::take_events(self, batch).await.map_err(into_call_error)
    }
}

impl Service {
    async fn summaries(&self, request: GetVariants) -> Result<Vec<VariantSummary>, Error> {
        let GetVariants { ids, currency } = request;
        self.store()
            .read_snapshot(move |db| {
                let rows = stock::summaries(db, &ids, currency)?;
                let found: Vec<VariantId> = rows.iter().map(|row| row.id).collect();
                let expired = stock::expired(db, &found, Timestamp::now())?;
                Ok(rows
                    .into_iter()
                    .map(|row| VariantSummary {
                        id: row.id,
                        product_id: row.product_id,
                        price: row.amount.map(|amount| Money::new(amount, currency)),
                        for_sale: row.for_sale(),
                        available: row.on_hand - row.reserved + expired.get(&row.id).copied().unwrap_or(0),
                        slug: row.slug,
                        sku: row.sku,
                        product_name: row.product_name,
                        variant_name: row.variant_name,
                    })
                    .collect())
            })
            .await
    }
}

fn into_call_error(error: Error) -> CallError<ProductError> {
    match error {
        Error::Contract(refusal) => CallError::Refused(refusal),
        Error::Store(error) => error.into_call_error(MODULE),
        other => {
            // The contract's methods fail in no other way.
            log::error!("a contract method failed as it should not: {other}");
            CallError::Unavailable { module: MODULE, executed: Executed::No }
        }
    }
}

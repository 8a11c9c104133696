//! Who has bought what, as the order module tells it.

use kernel::{Event, EventBatch, ProductId, UserId, events};
use order_contract::{ORDER_CONFIRMED, ORDER_REVOKED, OrderConfirmed, OrderRevoked};
use product_contract::ProductError;
use serde::de::DeserializeOwned;

use super::Service;
use crate::error::Error;
use crate::store::purchases;

impl Service {
    /// Takes in what happened in the order module, each event once. Gives the number of the last that is known here.
    ///
    /// # Errors
    /// [`ProductError::Invalid`] when an event cannot be read: nothing of the batch was taken in then.
    pub async fn take_events(&self, batch: EventBatch) -> Result<i64, Error> {
        self.store
            .write(move |tx| {
                events::take(tx, &batch, |tx, event| match event.kind.as_str() {
                    ORDER_CONFIRMED => {
                        let order: OrderConfirmed = read(event)?;
                        Ok(purchases::insert(
                            tx,
                            order.user_id,
                            &order.product_ids,
                            order.order_id,
                            event.at,
                        )?)
                    }
                    ORDER_REVOKED => {
                        let order: OrderRevoked = read(event)?;
                        Ok(purchases::delete(tx, order.order_id)?)
                    }
                    // Of no interest here; a newer source may tell more.
                    _ => Ok(()),
                })
            })
            .await
    }

    /// Whether it is known here that the user has bought the product. If not, the order module may know it.
    pub(super) async fn has_been_told(&self, user: UserId, product: ProductId) -> Result<bool, Error> {
        Ok(self.store.read(move |db| purchases::exists(db, user, product)).await?)
    }
}

fn read<T: DeserializeOwned>(event: &Event) -> Result<T, Error> {
    serde_json::from_str(&event.data).map_err(|error| {
        let reason = format!("event {}: {error}", event.sequence);
        Error::Contract(ProductError::Invalid { reason })
    })
}

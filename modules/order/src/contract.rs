//! The module as other modules see it, in this process.

use kernel::{CallContext, CallError, CartId, UserId};
use order_contract::{CartSummary, ClaimCart, HasBought, OrderError, Orders};

use crate::error::Error;
use crate::service::Service;

const MODULE: &str = "order";

/// The contract on the module's own use cases.
pub(crate) struct Local {
    service: Service,
}

impl Local {
    pub(crate) fn new(service: Service) -> Self {
        Self { service }
    }
}

#[async_trait::async_trait]
impl Orders for Local {
    async fn has_bought(
        &self,
        context: CallContext,
        request: HasBought,
    ) -> Result<bool, CallError<OrderError>> {
        context.refuse_late(MODULE)?;
        self.service
            .has_bought(request.user_id, request.product_id)
            .await
            .map_err(|error| error.into_call_error(MODULE))
    }

    async fn get_cart_summary(
        &self,
        context: CallContext,
        user_id: UserId,
    ) -> Result<CartSummary, CallError<OrderError>> {
        context.refuse_late(MODULE)?;
        let summary = self.service.cart_summary(user_id).await;
        summary.map_err(|error| error.into_call_error(MODULE))
    }

    async fn claim_cart(
        &self,
        context: CallContext,
        request: ClaimCart,
    ) -> Result<CartId, CallError<OrderError>> {
        context.refuse_late(MODULE)?;
        self.service.claim_cart(request.user_id, &request.guest_token).await.map_err(|error| match error {
            Error::Store(error) => error.into_call_error(MODULE),
            _ => OrderError::CartNotFound.into(),
        })
    }
}

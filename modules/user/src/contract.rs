//! What other modules may ask.

use kernel::store::StoreError;
use kernel::{CallContext, CallError, PublicKey, UserId};
use user_contract::{UserError, UserSummary, Users};

use crate::error::Error;
use crate::service::Service;

const MODULE: &str = "user";

#[async_trait::async_trait]
impl Users for Service {
    async fn public_keys(
        &self,
        context: CallContext,
        (): (),
    ) -> Result<Vec<PublicKey>, CallError<UserError>> {
        context.refuse_late(MODULE)?;
        Self::public_keys(self).await.map_err(|error| error.into_call_error(MODULE))
    }

    async fn get_user(&self, context: CallContext, id: UserId) -> Result<UserSummary, CallError<UserError>> {
        context.refuse_late(MODULE)?;
        match self.user(id).await {
            Ok(user) if !user.disabled => Ok(UserSummary { id: user.id, email: user.email, name: user.name }),
            Ok(_) | Err(Error::UserNotFound) => Err(UserError::NotFound.into()),
            Err(Error::Store(error)) => Err(error.into_call_error(MODULE)),
            Err(other) => Err(StoreError::Corrupt(other.to_string()).into_call_error(MODULE)),
        }
    }
}

//! Who is asking, checked against the store.

use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use kernel::http::{ApiError, Login};
use kernel::{ErrorCode, Permission, Principal};

use crate::service::Service;

/// A user whose login has not ended. A token alone says only that it had not when the token was issued.
#[derive(Debug, Clone)]
pub(super) struct Member(Principal);

// === impl Member ===

impl Member {
    /// Passes if a role that they still have allows `permission`.
    ///
    /// # Errors
    /// 403 `ACCESS_DENIED`.
    pub(super) fn require(&self, permission: Permission) -> Result<(), ApiError> {
        if self.0.may(permission) { Ok(()) } else { Err(ApiError::new(ErrorCode::AccessDenied)) }
    }
}

impl Deref for Member {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl FromRequest for Member {
    type Error = ApiError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let login = Login::from_request(request, payload);
        let service = request.app_data::<web::Data<Service>>().cloned();
        Box::pin(async move {
            let login = login.await?;
            let service = service.ok_or_else(|| ApiError::new(ErrorCode::Internal))?;
            Ok(Self(service.alive((*login).clone()).await?))
        })
    }
}

//! Who is asking: extractors over the access token.

use std::ops::Deref;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use kernel_types::{ErrorCode, Permission, Principal};

use super::ApiError;
use crate::auth::Verifier;

/// A verified user; a request without a token is answered 401.
#[derive(Debug, Clone)]
pub struct Login(Arc<Principal>);

/// A verified user, or nobody. A token that is not valid is still answered 401.
#[derive(Debug, Clone)]
pub struct MaybeLogin(pub Option<Login>);

/// A principal and the token that proves it.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) principal: Arc<Principal>,
    pub(super) token: Arc<str>,
}

/// Verifies the request's token, once however many extractors ask.
pub(super) async fn authenticate(request: &HttpRequest) -> Result<Option<Identity>, ApiError> {
    if let Some(known) = request.extensions().get::<Identity>() {
        return Ok(Some(known.clone()));
    }
    let Some(authorization) = request.headers().get(header::AUTHORIZATION) else { return Ok(None) };
    let token = authorization
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| ApiError::new(ErrorCode::TokenInvalid))?;
    let verifier = request.app_data::<web::Data<Verifier>>().ok_or_else(|| {
        log::error!("no token verifier is installed");
        ApiError::new(ErrorCode::Internal)
    })?;
    let identity = Identity { principal: Arc::new(verifier.verify(token).await?), token: Arc::from(token) };
    request.extensions_mut().insert(identity.clone());
    Ok(Some(identity))
}

// === impl Login ===

impl Login {
    /// Passes if a role allows `permission`.
    ///
    /// # Errors
    /// 403 `ACCESS_DENIED`.
    pub fn require(&self, permission: Permission) -> Result<(), ApiError> {
        if self.0.may(permission) { Ok(()) } else { Err(ApiError::new(ErrorCode::AccessDenied)) }
    }
}

impl Deref for Login {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.0
    }
}

impl FromRequest for Login {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            match authenticate(&request).await? {
                Some(identity) => Ok(Self(identity.principal)),
                None => Err(ApiError::new(ErrorCode::AuthenticationRequired)),
            }
        })
    }
}

impl FromRequest for MaybeLogin {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(
            async move { Ok(Self(authenticate(&request).await?.map(|identity| Login(identity.principal)))) },
        )
    }
}

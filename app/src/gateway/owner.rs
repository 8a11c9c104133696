//! Whether this node is the owner that whoever forwarded a request means.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use kernel::ErrorCode;
use kernel::http::ApiError;
use seam::server::Registry;

use crate::host::ModuleName;

const EPOCH: HeaderName = HeaderName::from_static("x-module-epoch");

/// The epochs in which a node serves its modules.
pub(crate) struct Owner(Registry);

// === impl Owner ===

impl Owner {
    /// As internal calls are held to them.
    pub(crate) fn of(registry: Registry) -> Self {
        Self(registry)
    }

    /// Turns away, before anything is executed, a request that was sent in another epoch. One that came without is let in: it
    /// was not sent by a router.
    pub(super) fn admit(&self, request: &ServiceRequest, module: ModuleName) -> Result<(), ApiError> {
        let Some(sent) = request.headers().get(&EPOCH) else { return Ok(()) };
        let owner_epoch = self.0.find(module.as_str()).map(|endpoint| endpoint.epoch().get());
        let sent: Option<u64> = sent.to_str().ok().and_then(|sent| sent.parse().ok());
        // In epoch 0, which is a node's that was not told anything yet, nobody owns anything.
        if sent.is_some_and(|sent| sent > 0) && sent == owner_epoch {
            return Ok(());
        }
        let refused = ApiError::new(ErrorCode::Misdirected);
        Err(match owner_epoch {
            Some(epoch) => refused.header(EPOCH, HeaderValue::from(epoch)),
            None => refused,
        })
    }
}

//! What the gateway knows of a request, and the call context made from it.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use kernel_types::{CallContext, Caller, TraceContext};

use super::{ApiError, login};

/// What the gateway knows of a request before any route runs.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Names the request in logs and errors.
    pub request_id: Arc<str>,
    /// Where the request is in its trace.
    pub trace: TraceContext,
    /// When the gateway will answer for the route.
    pub deadline: Instant,
}

/// The context for calls that a route makes into other modules.
#[derive(Debug, Clone)]
pub struct Call(pub CallContext);

// === impl RequestContext ===

impl RequestContext {
    /// The context of `request`; a fresh one when no gateway is in front, as in a unit test.
    pub fn of(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_else(|| Self {
            request_id: Arc::from("-"),
            trace: TraceContext::start(),
            deadline: Instant::now() + Duration::from_secs(10),
        })
    }
}

impl FromRequest for RequestContext {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

// === impl Call ===

impl FromRequest for Call {
    type Error = ApiError;
    type Future = futures_util::future::LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let context = RequestContext::of(&request);
            let caller = match login::authenticate(&request).await? {
                Some(identity) => Caller::User { principal: identity.principal, token: identity.token },
                None => Caller::Anonymous,
            };
            Ok(Self(CallContext {
                deadline: context.deadline,
                trace: context.trace.child(),
                caller,
                idempotency_key: request
                    .headers()
                    .get("idempotency-key")
                    .and_then(|value| value.to_str().ok())
                    .map(Arc::from),
            }))
        })
    }
}

//! Who is asking for a page.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use kernel::http::{ApiError, Call, RequestContext};
use kernel::{CallContext, Caller, ErrorCode, UserId};

/// Who is asking, and the context in which modules are asked for them. A token that is not valid is answered 401.
pub(super) struct Visitor {
    pub(super) context: CallContext,
    pub(super) who: Who,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Nobody has logged in.
    Anybody,
    /// They have.
    User(UserId),
    /// They may have, but nobody can tell: the user module does not answer, and its keys are not known here.
    Unknown,
}

// === impl Visitor ===

impl FromRequest for Visitor {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (call, request) = (Call::from_request(request, payload), request.clone());
        Box::pin(async move {
            match call.await {
                Ok(Call(context)) => {
                    let who = match &context.caller {
                        Caller::User { principal, .. } => Who::User(principal.user_id),
                        Caller::Anonymous | Caller::Module(_) => Who::Anybody,
                    };
                    Ok(Self { context, who })
                }
                Err(error) if error.code() == ErrorCode::ModuleUnavailable => {
                    let RequestContext { trace, deadline, .. } = RequestContext::of(&request);
                    let trace = trace.child();
                    let context =
                        CallContext { deadline, trace, caller: Caller::Anonymous, idempotency_key: None };
                    Ok(Self { context, who: Who::Unknown })
                }
                Err(error) => Err(error),
            }
        })
    }
}

//! Requests that are answered elsewhere: by a node, or by a foreign application behind a prefix.

use std::sync::Arc;
use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::{FromRequest as _, HttpMessage as _, web};
use kernel::ErrorCode;
use kernel::http::{ApiError, RequestContext};
use router::gate::Permit;
use router::{Client, Decision, Extra, ProxyError, Remote, Router};

use super::names::out;
use super::pass::{Answered, finish, note};
use super::{Owner, Routes};
use crate::home::may_place;
use crate::host::ModuleName;

/// Where a request is answered.
pub(super) enum Placing {
    /// Here; one of a module counts as inside it until the permit is dropped.
    Here(Option<(Permit, ModuleName, Arc<Router>)>),
    /// There; the name is its module's, or says that it is foreign.
    There(Remote, &'static str),
}

/// Decides where the request is answered, once its module lets it in.
pub(super) async fn place(request: &ServiceRequest, context: &RequestContext) -> Result<Placing, ApiError> {
    let router = request.app_data::<web::Data<Router>>();
    if let Some(remote) = router.and_then(|router| router.prefix(request.path())) {
        return Ok(Placing::There(remote, "foreign"));
    }
    // From here on it may concern somebody in this process.
    request.extensions_mut().insert(context.clone());
    let module = request
        .app_data::<web::Data<Routes>>()
        .and_then(|routes| routes.module_of_path(request.path()))
        .and_then(ModuleName::find);
    let (Some(router), Some(module)) = (router, module) else { return Ok(Placing::Here(None)) };
    if let Some(owner) = request.app_data::<web::Data<Owner>>() {
        owner.admit(request, module)?;
    }
    let client = Client {
        headers: request.headers(),
        address: request.peer_addr().map(|address| address.ip()),
        session_cookie: "session",
        may_override: may_place(request.request()).await,
    };
    let decided = router.decide(module.as_str(), &client, context.deadline).await;
    Ok(match decided.map_err(|error| told(&error))? {
        Decision::Local(permit) => Placing::Here(Some((permit, module, Arc::clone(router)))),
        Decision::Remote(remote) => Placing::There(remote, module.as_str()),
    })
}

/// Has the request answered there.
pub(super) async fn forward(
    request: ServiceRequest,
    remote: Remote,
    module: &'static str,
    context: &RequestContext,
    began: Instant,
) -> ServiceResponse<BoxBody> {
    let method = request.method().clone();
    let (request, mut payload) = request.into_parts();
    let answered = async {
        let router =
            request.app_data::<web::Data<Router>>().ok_or(ProxyError::Internal("there is no router"))?;
        let payload = web::Payload::from_request(&request, &mut payload).await;
        let payload = payload.map_err(|_error| ProxyError::Internal("the request has no body"))?;
        let trace = context.trace.child().to_header();
        let remaining = context.deadline.saturating_duration_since(Instant::now()).as_millis().to_string();
        let extra: Extra<'_> = &[
            (out::REQUEST_ID, &context.request_id),
            (out::TRACEPARENT, trace.as_str()),
            (out::DEADLINE, &remaining),
        ];
        router.forward(remote, &request, payload, extra, context.deadline).await
    };
    let mut response = match answered.await {
        Ok(response) => ServiceResponse::new(request, response),
        Err(error) => {
            let rendered = told(&error).render(
                &context.request_id,
                request.path(),
                request.headers().get(header::ACCEPT),
            );
            ServiceResponse::new(request, rendered)
        }
    };
    finish(&mut response, context);
    note(&Answered::there(module, &response), context, &method, began.elapsed());
    response
}

/// Answers a request that was not let in.
pub(super) fn refused(
    request: ServiceRequest,
    error: &ApiError,
    context: &RequestContext,
) -> ServiceResponse<BoxBody> {
    let accept = request.headers().get(header::ACCEPT);
    let rendered = error.render(&context.request_id, request.path(), accept);
    request.into_response(rendered)
}

/// The error as clients are told it.
fn told(error: &ProxyError) -> ApiError {
    let code = match error.status() {
        400 | 431 => ErrorCode::InvalidParameter,
        408 => ErrorCode::RequestTimeout,
        413 => ErrorCode::RequestTooLarge,
        503 => ErrorCode::ModuleUnavailable,
        504 => ErrorCode::ModuleTimeout,
        502 | 508 => ErrorCode::UpstreamFailed,
        _ => ErrorCode::Internal,
    };
    log::warn!("a request was not answered there: {error}");
    let told = ApiError::new(code);
    // What is wrong with a request its sender may know; how the shop is built is nobody's business.
    if matches!(code, ErrorCode::InvalidParameter) { told.message(error.to_string()) } else { told }
}

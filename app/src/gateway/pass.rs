//! The one middleware.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ResponseHead, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use kernel::http::{ApiError, RequestContext};
use kernel::{ErrorCode, TraceContext};

use super::away::{Placing, forward, place, refused};
use super::names::{DEADLINE, REQUEST_ID, TRACEPARENT};
use super::shadow::copied;
use super::{Routes, metrics, request_id};

/// Bounds of every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Longest time to an answer.
    pub(crate) request: Duration,
}

/// Passes one request on.
pub(crate) async fn pass(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let limits = request.app_data::<web::Data<Limits>>().map_or(Duration::from_secs(15), |l| l.request);
    let context = RequestContext {
        request_id: request_id::of(request.headers()),
        trace: trace(&request),
        deadline: began + remaining(&request).map_or(limits, |remaining| remaining.min(limits)),
    };
    let method = request.method().clone();
    let permit = match place(&request, &context).await {
        Ok(Placing::Here(permit)) => permit,
        Ok(Placing::There(remote, module)) => {
            return Ok(forward(request, remote, module, &context, began).await);
        }
        Err(error) => {
            let response = refused(request, &error, &context);
            return Ok(noted(response, &context, &method, began));
        }
    };
    if method == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    // Nothing of the request may be held while it is routed; so what an answer in its stead needs is copied.
    let (path, accept) = (request.path().to_owned(), request.headers().get(header::ACCEPT).cloned());
    // The handler's future is dropped at the deadline; a transaction that began runs to its end all the same.
    let mut response = match tokio::time::timeout_at(context.deadline.into(), next.call(request)).await {
        Ok(Ok(response)) => response.map_into_boxed_body(),
        Ok(Err(error)) => return Err(error),
        Err(_too_late) => {
            let error = ApiError::new(ErrorCode::ModuleTimeout);
            let mut rendered = error.render(&context.request_id, &path, accept.as_ref());
            stamp(rendered.headers_mut(), &context);
            let answered = Answered { module: "none", route: "none", status: rendered.status(), path: &path };
            note(&answered, &context, &method, began.elapsed());
            return Err(InternalError::from_response(error, rendered).into());
        }
    };
    if response.status().is_client_error() || response.status().is_server_error() {
        response = render(response, &context);
    }
    if method == Method::HEAD {
        response = response.map_body(left_out);
    }
    let Some((permit, module, router)) = permit else { return Ok(noted(response, &context, &method, began)) };
    // What the request does is done; a body that streams for hours holds nothing up.
    drop(permit);
    router.observe_local(module.as_str(), response.status().as_u16(), began.elapsed());
    let response = noted(response, &context, &method, began);
    Ok(if method == Method::GET { copied(response, module, &router) } else { response })
}

/// Gives the response its headers, and says in log and metrics how it went.
fn noted(
    mut response: ServiceResponse<BoxBody>,
    context: &RequestContext,
    method: &Method,
    began: Instant,
) -> ServiceResponse<BoxBody> {
    finish(&mut response, context);
    let request = response.request();
    let route = request.match_pattern();
    let route = route.as_deref().unwrap_or("none");
    let module = request.app_data::<web::Data<Routes>>().map_or("none", |routes| routes.module(route));
    let answered = Answered { module, route, status: response.status(), path: request.path() };
    note(&answered, context, method, began.elapsed());
    response
}

/// Time that whoever forwarded the request has left for it. Internal calls keep to theirs by themselves.
fn remaining(request: &ServiceRequest) -> Option<Duration> {
    let given = request.headers().get(DEADLINE)?.to_str().ok()?;
    let public = !request.path().starts_with("/_internal/");
    given.parse().ok().filter(|_| public).map(Duration::from_millis)
}

fn trace(request: &ServiceRequest) -> TraceContext {
    let parent = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    parent.and_then(|text| text.parse().ok()).unwrap_or_else(TraceContext::start).child()
}

/// Gives an error its one shape, with this request's id and in the form that the client accepts.
fn render(response: ServiceResponse<BoxBody>, context: &RequestContext) -> ServiceResponse<BoxBody> {
    let error = match response.response().error() {
        Some(error) => match error.as_error::<ApiError>() {
            Some(error) => error.clone(),
            None => ApiError::for_status(response.status(), response.headers()),
        },
        // Answered with an error status on purpose, as `/readyz` does: it stays as it is if it has a body of its own.
        None if response.headers().contains_key(header::CONTENT_TYPE) => return response,
        None => ApiError::for_status(response.status(), response.headers()),
    };
    let (request, _) = response.into_parts();
    let rendered = error.render(&context.request_id, request.path(), request.headers().get(header::ACCEPT));
    ServiceResponse::new(request, rendered)
}

/// Headers of every response.
pub(super) fn finish(response: &mut ServiceResponse<BoxBody>, context: &RequestContext) {
    stamp(response.headers_mut(), context);
    // What nobody called public may be somebody's own, also a guest's, who has no login to tell by.
    let personal = response.request().path().starts_with("/api/");
    let headers = response.headers_mut();
    if personal && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
}

/// What is left of an answer to HEAD, which is routed as GET: of its body only the size is told.
///
/// The connection leaves a body out by itself, but not when another request came in behind this one: it then waits for
/// bytes that were promised, and breaks off. So the length is a header like any other, and nothing is promised.
fn left_out(head: &mut ResponseHead, body: BoxBody) -> BoxBody {
    match body.size() {
        none @ (BodySize::None | BodySize::Sized(0)) => BoxBody::new(LeftOut(none)),
        size => {
            if let BodySize::Sized(length) = size {
                head.headers_mut().insert(header::CONTENT_LENGTH, length.into());
            }
            head.no_chunking(true);
            BoxBody::new(LeftOut(BodySize::Stream))
        }
    }
}

/// No bytes.
struct LeftOut(BodySize);

impl MessageBody for LeftOut {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}

fn stamp(headers: &mut HeaderMap, context: &RequestContext) {
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Ok(trace) = HeaderValue::from_str(context.trace.to_header().as_str()) {
        headers.insert(TRACEPARENT, trace);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// What a log line and the metrics say of an answer.
pub(super) struct Answered<'a> {
    module: &'a str,
    route: &'a str,
    status: StatusCode,
    path: &'a str,
}

impl<'a> Answered<'a> {
    /// One that came from elsewhere. It matched no route here, and to look for one costs more than the line is worth: whoever
    /// answered it counts by route.
    pub(super) fn there(module: &'a str, response: &'a ServiceResponse<BoxBody>) -> Self {
        Self { module, route: "forwarded", status: response.status(), path: response.request().path() }
    }
}

/// One log line and the metrics.
pub(super) fn note(answered: &Answered<'_>, context: &RequestContext, method: &Method, duration: Duration) {
    let Answered { module, route, status: code, path } = *answered;
    let status = code.as_u16();
    let level = match code {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => log::Level::Warn,
        status if status.is_server_error() => log::Level::Error,
        _ => log::Level::Info,
    };
    // The query is left out: it may hold what is nobody's business.
    log::log!(
        target: "banyan::access",
        level,
        request_id = &*context.request_id,
        trace_id:% = format_args!("{:032x}", context.trace.trace_id),
        module = module,
        route = route,
        status = status,
        duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        "{method} {path} {status}"
    );
    metrics::observe(module, route, known(method), status, duration);
}

/// A client can invent methods, but not label values.
fn known(method: &Method) -> &'static str {
    const KNOWN: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    const NAMES: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.iter().zip(NAMES).find_map(|(known, name)| (known == method).then_some(name)).unwrap_or("other")
}

//! The answer on its way back to the client.
//!
//! **Rules.** Hop-by-hop fields stay here, as with requests. A body of known length keeps it; any other is chunked, or ends with
//! the connection if the client speaks HTTP/1.0. Answers to HEAD, 204 and 304 have no body but keep the length they tell.
//! Nothing is buffered: what the upstream sends is handed on when it comes, so server-sent events work.
//!
//! **Odd cases.** If the upstream breaks off in the middle, the client's connection is broken off as well: a body that
//! merely ended would look complete. Trailers are dropped (RFC 9110 §6.5.1), because actix-http cannot send any. Interim
//! answers (1xx) other than 101 are swallowed by hyper; actix-http could not send them. If the answer comes before the
//! request's body is over, the client's connection is closed after it, because the rest may never be read.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{self as outbound, HeaderMap as OutHeaders};
use actix_web::http::{ConnectionType, Method, StatusCode, Version};
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName};
use http_body::Body as _;
use hyper::body::Incoming;

use super::flow::Flow;
use super::pool::{self, Sender};
use crate::error::ProxyError;
use crate::settings::{Pool, Settings};
use crate::upstream::Attempt;

/// What of the request decides how its answer is sent.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) version: Version,
    /// The body was read to its end.
    pub(super) complete: bool,
}

/// What an answer keeps of its upstream until it is over.
pub(super) struct Held {
    pub(super) attempt: Attempt,
    pub(super) sender: Sender,
    pub(super) pool: Pool,
}

/// A body that is streamed to the client.
struct Download {
    flow: Rc<Flow>,
    size: BodySize,
    started: bool,
    held: Option<Held>,
}

/// The body of an answer to HEAD. With a size of its own, actix-http would forget that it is to be left out as soon as
/// another request has come in behind it; so the size is only told in the head.
struct Omitted;

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
enum BrokeOff {
    #[error("the upstream broke off: {0}")]
    Upstream(#[from] hyper::Error),
    #[error("the body stood still for too long")]
    StoodStill,
}

/// Turns the upstream's answer into ours.
pub(super) fn build(
    answer: http::Response<Incoming>,
    asked: &Asked<'_>,
    held: Held,
    settings: &Settings,
) -> Result<HttpResponse, ProxyError> {
    let (head, body) = answer.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16())
        .map_err(|_invalid| ProxyError::Internal("an odd status"))?;
    let known = body.size_hint().exact();
    let bodyless =
        asked.method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let mut response = if bodyless || body.is_end_stream() {
        held.finish();
        let body = if asked.method == Method::HEAD {
            BoxBody::new(Omitted)
        } else if bodyless {
            BoxBody::new(actix_web::body::None::new())
        } else {
            BoxBody::new(Bytes::new())
        };
        HttpResponse::with_body(status, body)
    } else {
        let size = known.map_or(BodySize::Stream, BodySize::Sized);
        let flow = Flow::new(settings.limits.idle, Some(body), held.attempt.began);
        HttpResponse::with_body(
            status,
            BoxBody::new(Download { flow, size, started: false, held: Some(held) }),
        )
    };
    let keep_length = bodyless && status != StatusCode::NO_CONTENT;
    copy(&head.headers, response.headers_mut(), keep_length)?;
    if asked.method == Method::HEAD {
        response.head_mut().no_chunking(true);
    }
    let endless = !bodyless && known.is_none();
    if endless && asked.version < Version::HTTP_11 {
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    if !asked.complete {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Copies what is meant for the client.
pub(super) fn copy(from: &HeaderMap, to: &mut OutHeaders, keep_length: bool) -> Result<(), ProxyError> {
    const INVALID: ProxyError = ProxyError::Internal("an upstream's header could not be copied");
    let has_list = from.contains_key(header::CONNECTION);
    let mut values = BytesMut::with_capacity(from.iter().map(|(_, value)| value.len()).sum());
    to.reserve(from.len());
    for (name, value) in from {
        if is_dropped(name, keep_length) || (has_list && is_listed(from, name)) {
            continue;
        }
        let name = outbound::HeaderName::from_bytes(name.as_str().as_bytes()).map_err(|_invalid| INVALID)?;
        values.extend_from_slice(value.as_bytes());
        let value =
            outbound::HeaderValue::from_maybe_shared(values.split().freeze()).map_err(|_invalid| INVALID)?;
        to.append(name, value);
    }
    Ok(())
}

fn is_dropped(name: &HeaderName, keep_length: bool) -> bool {
    match *name {
        header::CONTENT_LENGTH => !keep_length,
        header::CONNECTION
        | header::TRANSFER_ENCODING
        | header::TE
        | header::TRAILER
        | header::UPGRADE
        | header::PROXY_AUTHENTICATE => true,
        _ => matches!(name.as_str(), "keep-alive" | "proxy-connection"),
    }
}

fn is_listed(headers: &HeaderMap, name: &HeaderName) -> bool {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|listed| listed.trim().eq_ignore_ascii_case(name.as_str()))
}

// === impl Held ===

impl Held {
    /// The answer was read to its end: the connection may serve another.
    fn finish(self) {
        pool::put(self.attempt.upstream.key, self.sender, &self.pool);
    }
}

// === impl Download ===

impl MessageBody for Download {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.flow.has_expired() {
            return Poll::Ready(Some(Err(BrokeOff::StoodStill.into())));
        }
        loop {
            let polled = match this.flow.incoming.borrow_mut().as_mut() {
                Some(incoming) => Pin::new(incoming).poll_frame(cx),
                None => return Poll::Ready(None),
            };
            match polled {
                Poll::Pending => {
                    this.flow.wait(cx.waker());
                    return Poll::Pending;
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        this.flow.touch();
                        // The client may stop reading: a body of several pieces is watched.
                        if std::mem::replace(&mut this.started, true) {
                            this.flow.watch();
                        }
                        return Poll::Ready(Some(Ok(data)));
                    }
                    Err(_trailers) => continue,
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(BrokeOff::from(error).into()))),
                Poll::Ready(None) => {
                    drop(this.flow.incoming.borrow_mut().take());
                    if let Some(held) = this.held.take() {
                        held.finish();
                    }
                    return Poll::Ready(None);
                }
            }
        }
    }
}

// === impl Omitted ===

impl MessageBody for Omitted {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}

//! WebSockets: after a 101 both connections carry bytes, both ways, until one side ends.
//!
//! **Rules.** The upstream's 101 counts only if the client asked for a WebSocket and got one; anything else ends the
//! request with an error. Until the 101 nothing of what the client sends is passed on, so that an upstream that declines
//! never sees bytes that it could take for a request; the client's connection is closed after any other answer.
//! Each direction holds one buffer. An end of one direction is passed on; when the upstream's side ends, both do. A
//! connection on which nothing moves for the idle limit is cut off.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header as outbound;
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::header;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf, ReadHalf, WriteHalf};

use super::response;
use crate::error::ProxyError;
use crate::upstream::Attempt;

type Io = TokioIo<Upgraded>;

/// What the upstream sends, as the body of our 101.
struct FromUpstream {
    io: ReadHalf<Io>,
    buffer: BytesMut,
    shared: Rc<Shared>,
    /// The upstream counts as busy while the connection lives.
    _attempt: Attempt,
}

/// What both directions know.
struct Shared {
    touched: Cell<Instant>,
    /// The task of the other direction, ended with this one.
    other: Cell<Option<tokio::task::AbortHandle>>,
}

/// Bytes read at a time.
const BUFFER: usize = 16 * 1024;

/// Joins the client to the upstream that agreed to a WebSocket.
pub(super) async fn join(
    answer: http::Response<Incoming>,
    payload: Payload,
    attempt: Attempt,
    idle: Duration,
) -> Result<HttpResponse, ProxyError> {
    let url = attempt.upstream.url.to_string();
    let agreed = answer.headers().get(header::UPGRADE);
    if !agreed.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return Err(ProxyError::BadResponse { url, why: "it switched to another protocol" });
    }
    let mut response = HttpResponse::with_body(StatusCode::SWITCHING_PROTOCOLS, ());
    response::copy(answer.headers(), response.headers_mut(), false)?;
    response.headers_mut().insert(outbound::UPGRADE, outbound::HeaderValue::from_static("websocket"));
    response.head_mut().set_connection_type(ConnectionType::Upgrade);
    response.head_mut().no_chunking(true);
    let upgraded = hyper::upgrade::on(answer).await;
    let upgraded = upgraded
        .map_err(|_invalid| ProxyError::BadResponse { url, why: "it broke off while switching protocols" })?;
    let (read, write) = tokio::io::split(TokioIo::new(upgraded));
    let shared = Rc::new(Shared { touched: Cell::new(Instant::now()), other: Cell::new(None) });
    let task = actix_web::rt::spawn(to_upstream(payload, write, Rc::clone(&shared), idle));
    shared.other.set(Some(task.abort_handle()));
    let body = FromUpstream { io: read, buffer: BytesMut::new(), shared, _attempt: attempt };
    Ok(response.set_body(BoxBody::new(body)))
}

/// Carries what the client sends. Returns when the client ends, or nothing moves either way for `idle`.
async fn to_upstream(mut payload: Payload, mut io: WriteHalf<Io>, shared: Rc<Shared>, idle: Duration) {
    loop {
        let until = shared.touched.get() + idle;
        let next = tokio::time::timeout_at(until.into(), payload.next()).await;
        let written = match next {
            Ok(Some(Ok(piece))) => {
                shared.touched.set(Instant::now());
                let until = Instant::now() + idle;
                let written = tokio::time::timeout_at(until.into(), io.write_all(&piece)).await;
                written.unwrap_or_else(|_late| Err(io::ErrorKind::TimedOut.into()))
            }
            Ok(Some(Err(_)) | None) => break,
            Err(_late) if shared.touched.get() + idle > Instant::now() => Ok(()),
            Err(_late) => break,
        };
        if written.is_err() {
            break;
        }
    }
    if let Err(error) = io.shutdown().await {
        log::debug!("an upgraded connection was already closed: {error}");
    }
}

// === impl FromUpstream ===

impl MessageBody for FromUpstream {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, io::Error>>> {
        let this = self.get_mut();
        this.buffer.resize(BUFFER, 0);
        let mut space = ReadBuf::new(&mut this.buffer);
        let read = match Pin::new(&mut this.io).poll_read(cx, &mut space) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
            Poll::Ready(Ok(())) => space.filled().len(),
        };
        this.shared.touched.set(Instant::now());
        if read == 0 {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(this.buffer.split_to(read).freeze())))
    }
}

impl Drop for FromUpstream {
    fn drop(&mut self) {
        if let Some(other) = self.shared.other.take() {
            other.abort();
        }
    }
}

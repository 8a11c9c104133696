//! Request bodies on their way to an upstream.
//!
//! **Rules.** A body that says it is short ([`retry::REPLAYABLE`]) is read before the request is sent, so that it can be
//! sent again; any other is streamed, each piece only when the upstream has taken the one before. A body with
//! `Content-Length` keeps it and a chunked one stays chunked. Trailers of a request are dropped (RFC 9110 §6.5.1 allows
//! it), because actix-http does not give them out.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream as _, StreamExt as _};
use http_body::{Body, Frame, SizeHint};

use super::flow::Flow;
use super::framing::Framing;
use crate::error::ProxyError;
use crate::retry;
use crate::settings::Limits;

/// What the client sends, before the first attempt.
pub(super) enum Source {
    /// All of it is here; empty if there is none.
    Whole(Bytes),
    /// It is to be streamed.
    Streamed(Box<Upload>),
    /// It was streamed, in part or in full, and is gone.
    Gone,
}

/// What hyper reads.
pub(super) enum RequestBody {
    Whole(Option<Bytes>),
    Streamed(Box<Upload>),
}

/// A body that is streamed.
pub(super) struct Upload {
    payload: Payload,
    /// Bytes to come, if the client said so.
    remaining: Option<u64>,
    /// Bytes that may still come.
    allowed: u64,
    flow: Rc<Flow>,
    progress: Rc<Cell<Progress>>,
}

/// How far a streamed body has come, as seen by who waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The upstream has not asked for it.
    Untouched,
    Running,
    Complete,
    /// It ended too soon.
    Broken,
    /// It paused for too long.
    Slow,
    /// It is longer than allowed.
    TooLong,
}

/// Tells hyper that there will be no more; why is in [`Progress`].
#[derive(Debug, thiserror::Error)]
#[error("the request's body broke off")]
pub(super) struct Broken;

// === impl Source ===

impl Source {
    /// Reads a short body, and prepares to stream a long one.
    pub(super) async fn of(
        framing: Framing,
        mut payload: Payload,
        limits: &Limits,
        deadline: Instant,
    ) -> Result<(Self, Rc<Cell<Progress>>), ProxyError> {
        let length = match framing {
            Framing::None | Framing::Upgrade | Framing::Length(0) => {
                return Ok((Self::Whole(Bytes::new()), Rc::new(Cell::new(Progress::Complete))));
            }
            Framing::Length(length) if length > limits.body => {
                return Err(ProxyError::BodyTooLarge { limit: limits.body });
            }
            Framing::Length(length) if length <= retry::REPLAYABLE => {
                let until = deadline.min(Instant::now() + limits.idle);
                let whole = tokio::time::timeout_at(until.into(), read(&mut payload, length));
                let whole = whole.await.map_err(|_late| ProxyError::ClientTooSlow)??;
                return Ok((Self::Whole(whole), Rc::new(Cell::new(Progress::Complete))));
            }
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        };
        let progress = Rc::new(Cell::new(Progress::Untouched));
        let upload = Upload {
            payload,
            remaining: length,
            allowed: limits.body,
            flow: Flow::new(limits.idle, None, Instant::now()),
            progress: Rc::clone(&progress),
        };
        Ok((Self::Streamed(Box::new(upload)), progress))
    }

    /// The body for one attempt. What can be sent again is kept.
    pub(super) fn take(&mut self) -> Option<RequestBody> {
        match std::mem::replace(self, Self::Gone) {
            Self::Whole(bytes) => {
                *self = Self::Whole(bytes.clone());
                Some(RequestBody::Whole((!bytes.is_empty()).then_some(bytes)))
            }
            Self::Streamed(upload) => Some(RequestBody::Streamed(upload)),
            Self::Gone => None,
        }
    }

    /// An attempt gave its body back unread.
    pub(super) fn give_back(&mut self, body: RequestBody) {
        if let (Self::Gone, RequestBody::Streamed(upload)) = (&*self, body)
            && upload.progress.get() == Progress::Untouched
        {
            *self = Self::Streamed(upload);
        }
    }

    /// Whether it can be sent, again or for the first time.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Self::Gone)
    }
}

/// Reads a body whose length is known. actix-http gives no more than that.
async fn read(payload: &mut Payload, length: u64) -> Result<Bytes, ProxyError> {
    let length =
        usize::try_from(length).map_err(|_invalid| ProxyError::Internal("a short body has an odd length"))?;
    let first = match payload.next().await {
        Some(Ok(first)) if first.len() >= length => return Ok(first),
        Some(Ok(first)) => first,
        Some(Err(_)) | None => return Err(ProxyError::ClientGone),
    };
    let mut whole = BytesMut::with_capacity(length);
    whole.extend_from_slice(&first);
    while whole.len() < length {
        match payload.next().await {
            Some(Ok(piece)) => whole.extend_from_slice(&piece),
            Some(Err(_)) | None => return Err(ProxyError::ClientGone),
        }
    }
    Ok(whole.freeze())
}

// === impl Upload ===

impl Upload {
    fn fail(&self, why: Progress) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.progress.set(why);
        Poll::Ready(Some(Err(Broken)))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.flow.has_expired() {
            return self.fail(Progress::Slow);
        }
        match Pin::new(&mut self.payload).poll_next(cx) {
            Poll::Pending => {
                self.progress.set(Progress::Running);
                self.flow.wait(cx.waker());
                Poll::Pending
            }
            Poll::Ready(Some(Ok(piece))) => {
                let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                let Some(allowed) = self.allowed.checked_sub(length) else {
                    return self.fail(Progress::TooLong);
                };
                self.allowed = allowed;
                self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(length));
                self.flow.touch();
                self.progress.set(if self.remaining == Some(0) {
                    Progress::Complete
                } else {
                    Progress::Running
                });
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Poll::Ready(Some(Err(_))) => self.fail(Progress::Broken),
            Poll::Ready(None) if self.remaining.is_some_and(|remaining| remaining > 0) => {
                self.fail(Progress::Broken)
            }
            Poll::Ready(None) => {
                self.progress.set(Progress::Complete);
                Poll::Ready(None)
            }
        }
    }
}

// === impl RequestBody ===

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Streamed(upload) => upload.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Streamed(upload) => upload.remaining == Some(0),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Self::Streamed(upload) => upload.remaining.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

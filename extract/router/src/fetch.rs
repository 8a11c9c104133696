//! One GET or HEAD over a connection of its own: for health checks and shadows, which may not disturb the pools.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Uri};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::proxy::pool;
use crate::table::BaseUrl;

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Asks for `path`, a path and query, within `timeout`. A body longer than `limit` bytes is an error.
pub(crate) async fn fetch(
    url: &BaseUrl,
    method: Method,
    path: &str,
    headers: HeaderMap,
    limit: usize,
    timeout: Duration,
) -> io::Result<Fetched> {
    match tokio::time::timeout(timeout, ask(url, method, path, headers, limit)).await {
        Ok(fetched) => fetched,
        Err(_late) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn ask(
    url: &BaseUrl,
    method: Method,
    path: &str,
    headers: HeaderMap,
    limit: usize,
) -> io::Result<Fetched> {
    let stream = pool::open(url).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let mut request = Request::new(NoBody);
    *request.method_mut() = method;
    *request.uri_mut() = format!("{}{path}", url.path()).parse::<Uri>().map_err(io::Error::other)?;
    *request.headers_mut() = headers;
    let host = HeaderValue::from_str(url.authority()).map_err(io::Error::other)?;
    request.headers_mut().entry(header::HOST).or_insert(host);
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    let answered = async {
        let (head, body) = sender.send_request(request).await.map_err(io::Error::other)?.into_parts();
        let body = collect(body, limit).await?;
        Ok(Fetched { status: head.status.as_u16(), headers: head.headers, body })
    };
    // The connection moves while it is polled, and ends with this future.
    tokio::pin!(answered);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        fetched = &mut answered => fetched,
        _ended = &mut connection => answered.await,
    }
}

async fn collect(mut body: Incoming, limit: usize) -> io::Result<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(piece) = frame.map_err(io::Error::other)?.into_data() {
            if whole.len() + piece.len() > limit {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            whole.extend_from_slice(&piece);
        }
    }
    Ok(whole.freeze())
}

struct NoBody;

impl Body for NoBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}

//! The transport over HTTP.
//!
//! One pool of connections serves every transport of a process ([`client`]). Its idle connections are closed before the
//! server would close them (hyper#2136: a request on a connection that is just being closed is lost, and nobody can tell
//! whether it was executed).
//!
//! A failure is called *not connected* only if no connection was made. One that was made and broke, at whatever point,
//! is *lost*: the module may have executed the call.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, redirect, retry};

use crate::tokens::ServiceTokens;
use crate::wire::{MOST_BYTES, PREFIX, metadata};
use crate::{Reply, Request, Transport, TransportError};

/// Longest time to make a connection. Nodes of a cluster are near.
const CONNECT: Duration = Duration::from_secs(1);
/// Idle connections are closed after this; a server keeps them for at least [`SERVER_KEEP_ALIVE`].
const IDLE: Duration = Duration::from_secs(60);
/// Idle connections kept for each node.
const MOST_IDLE: usize = 64;

/// How long a server of the seam must keep idle connections open at least.
pub const SERVER_KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Sends calls to one node. Clones share the pool.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: Client,
    base: String,
    tokens: ServiceTokens,
}

/// The pool of connections for all transports of a process.
///
/// It follows no redirect and no proxy setting, and tries nothing twice: a call goes where the route table says, once.
///
/// # Errors
/// When it cannot be set up, as without a TLS library that was asked for.
pub fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MOST_IDLE)
        .tcp_nodelay(true)
        .build()
}

// === impl HttpTransport ===

impl HttpTransport {
    /// Sends to the node at `base`, such as `http://10.0.0.7:8080`, over the connections of `client`, with tokens of this
    /// node.
    pub fn new(client: Client, base: &str, tokens: ServiceTokens) -> Self {
        Self { client, base: base.trim_end_matches('/').to_owned(), tokens }
    }

    fn headers(&self, request: &Request) -> Result<HeaderMap, TransportError> {
        let not_sent = |error: &dyn std::fmt::Display| TransportError::NotSent(error.to_string());
        let token = self.tokens.mint(request.module).map_err(|error| not_sent(&error))?;
        let mut headers = HeaderMap::with_capacity(10);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::AUTHORIZATION, secret(&format!("Bearer {token}"))?);
        let mut invalid = None;
        metadata::write(request, |name, value| match secret(value) {
            Ok(value) => drop(headers.insert(HeaderName::from_static(name), value)),
            Err(error) => invalid = Some(error),
        });
        match invalid {
            None => Ok(headers),
            Some(error) => Err(error),
        }
    }
}

#[async_trait::async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Reply, TransportError> {
        let url = format!("{}{PREFIX}{}/{}", self.base, request.module, request.method);
        let headers = self.headers(&request)?;
        let sent = self.client.post(url).headers(headers).body(request.body).send().await;
        let mut response = sent.map_err(failure)?;
        let status = response.status().as_u16();
        let length = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        if length > MOST_BYTES {
            return Err(too_long());
        }
        let Some(first) = response.chunk().await.map_err(failure)? else {
            return Ok(Reply::from_wire(status, Bytes::new()));
        };
        if first.len() >= length && length > 0 {
            return Ok(Reply::from_wire(status, first));
        }
        let mut body = BytesMut::from(first);
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            if body.len().saturating_add(chunk.len()) > MOST_BYTES {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply::from_wire(status, body.freeze()))
    }
}

fn too_long() -> TransportError {
    TransportError::Lost(format!("the reply is longer than {MOST_BYTES} bytes"))
}

/// A header's value that is not to be printed: among them are tokens.
fn secret(value: &str) -> Result<HeaderValue, TransportError> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_invalid| TransportError::NotSent("a header's value is not visible ASCII".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn failure(error: reqwest::Error) -> TransportError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    if error.is_connect() {
        TransportError::NotConnected(text)
    } else if error.is_builder() {
        TransportError::NotSent(text)
    } else {
        TransportError::Lost(text)
    }
}

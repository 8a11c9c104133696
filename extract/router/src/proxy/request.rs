//! The head of the request that an upstream gets.
//!
//! **Rules.** Hop-by-hop fields stay here: `Connection` and what it names, and those that are so by nature (RFC 9110
//! §7.6.1). `TE` and `Trailer` stay here too, because trailers are not carried. `Expect` was answered already: actix-http
//! says `100 Continue` when the body is first wanted. The fields that only this proxy may set are taken off whoever sent them.
//! Added are `Via`, `Forwarded` (RFC 7239) and `X-Forwarded-For`, `-Proto`, `-Host`; what a client claims in them is kept
//! only if it is a trusted proxy.
//!
//! **Odd cases.** A client cannot have `Host` or what frames the body taken off by naming it in `Connection`: both are
//! set anew. If the target is in absolute form, its authority counts and not `Host` (RFC 9112 §3.2.2).
//!
//! All values are written into one buffer and share it.

use std::fmt::Write as _;
use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header as inbound;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri};

use super::body::RequestBody;
use super::framing::{Framing, names};
use crate::error::ProxyError;
use crate::settings::Settings;
use crate::target::Target;
use crate::upstream::Upstream;

/// Header fields that the caller sets. They replace the client's.
pub type Extra<'a> = &'a [(HeaderName, &'a str)];

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const EPOCH: HeaderName = HeaderName::from_static("x-module-epoch");

/// A buffer whose parts become header values without being copied again.
struct Pen(BytesMut);

/// Builds the request to send to `upstream`.
pub(super) fn build(
    request: &HttpRequest,
    framing: Framing,
    body: RequestBody,
    target: &Target,
    upstream: &Upstream,
    extra: Extra<'_>,
    settings: &Settings,
) -> Result<Request<RequestBody>, ProxyError> {
    let mut pen = Pen(BytesMut::with_capacity(1024));
    let mut outbound = Request::new(body);
    *outbound.method_mut() = Method::from_bytes(request.method().as_str().as_bytes())
        .map_err(|_invalid| ProxyError::BadRequest("its method is not a token"))?;
    *outbound.uri_mut() = pen.uri(request, target, upstream)?;
    let headers = outbound.headers_mut();
    headers.reserve(request.headers().len() + 12);
    let peer = request.peer_addr().map(|address| address.ip().to_canonical());
    let trusted = peer.is_some_and(|peer| settings.trusted.contains(&peer));
    copy(request, framing, trusted, headers, &mut pen)?;
    let host = host_of(request);
    let sent_host = if target.preserve_host && !host.is_empty() { host } else { upstream.url.authority() };
    headers.insert(header::HOST, pen.text(sent_host)?);
    frame(framing, headers, &mut pen)?;
    forwarded(request, host, peer, headers, &mut pen, settings)?;
    for (name, value) in extra {
        headers.insert(name.clone(), pen.text(value)?);
    }
    if let Some(epoch) = target.epoch {
        headers.insert(EPOCH, pen.write(format_args!("{epoch}"))?);
    }
    Ok(outbound)
}

/// The fields of a request that are meant for the end, and its host; nothing that is said of its body.
pub(crate) fn end_to_end(request: &HttpRequest) -> Result<HeaderMap, ProxyError> {
    let mut headers = HeaderMap::new();
    let mut pen = Pen(BytesMut::with_capacity(1024));
    copy(request, Framing::None, true, &mut headers, &mut pen)?;
    headers.insert(header::HOST, pen.text(host_of(request))?);
    Ok(headers)
}

/// Copies what is meant for the end; what is claimed of who is asking only if a trusted proxy claims it.
fn copy(
    request: &HttpRequest,
    framing: Framing,
    trusted: bool,
    headers: &mut HeaderMap,
    pen: &mut Pen,
) -> Result<(), ProxyError> {
    let from = request.headers();
    let has_list = from.contains_key(inbound::CONNECTION);
    for (name, value) in from {
        if is_dropped(name)
            || (!trusted && is_claim(name))
            || (has_list && names(from, inbound::CONNECTION).any(|n| n.eq_ignore_ascii_case(name.as_str())))
        {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_str().as_bytes())
            .map_err(|_invalid| ProxyError::BadRequest("a header's name is not a token"))?;
        headers.append(name, pen.bytes(value.as_bytes())?);
    }
    if framing == Framing::Upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    Ok(())
}

/// Fields that are not copied, whatever `Connection` says.
fn is_dropped(name: &inbound::HeaderName) -> bool {
    match *name {
        inbound::HOST
        | inbound::CONNECTION
        | inbound::CONTENT_LENGTH
        | inbound::TRANSFER_ENCODING
        | inbound::TE
        | inbound::TRAILER
        | inbound::UPGRADE
        | inbound::EXPECT
        | inbound::PROXY_AUTHENTICATE
        | inbound::PROXY_AUTHORIZATION => true,
        _ => matches!(
            name.as_str(),
            "keep-alive"
                | "proxy-connection"
                | "http2-settings"
                // Only this proxy and its caller may set these.
                | "x-module-epoch"
                | "x-banyan-deadline-ms"
                | crate::split::OVERRIDE
                | crate::split::OPERATOR
                | crate::shadow::MARK
        ),
    }
}

/// Fields that say who is asking; besides the standard's and this proxy's also variants that applications believe.
fn is_claim(name: &inbound::HeaderName) -> bool {
    *name == inbound::FORWARDED
        || matches!(
            name.as_str(),
            "x-forwarded-for"
                | "x-forwarded-proto"
                | "x-forwarded-host"
                | "x-forwarded-port"
                | "x-forwarded-prefix"
                | "x-forwarded-server"
                | "x-real-ip"
        )
}

/// Says how long the body is.
fn frame(framing: Framing, headers: &mut HeaderMap, pen: &mut Pen) -> Result<(), ProxyError> {
    match framing {
        Framing::Length(length) => {
            headers.insert(header::CONTENT_LENGTH, pen.write(format_args!("{length}"))?);
        }
        Framing::Chunked => {
            headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        Framing::None | Framing::Upgrade => {}
    }
    Ok(())
}

/// Says through whom and for whom it came.
fn forwarded(
    request: &HttpRequest,
    host: &str,
    peer: Option<IpAddr>,
    headers: &mut HeaderMap,
    pen: &mut Pen,
    settings: &Settings,
) -> Result<(), ProxyError> {
    // What a Host may hold is free of quotes and commas, or it is not repeated.
    let host_is_plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b));
    let version = if request.version() == actix_web::http::Version::HTTP_10 { "1.0 " } else { "1.1 " };
    headers.append(header::VIA, pen.join(&[version, &settings.pseudonym])?);
    if let Some(peer) = peer {
        let address = pen.write(format_args!("{peer}"))?;
        let (open, close) = if peer.is_ipv6() { ("for=\"[", "]\"") } else { ("for=", "") };
        let written = address.to_str().unwrap_or("unknown");
        let host = if host_is_plain { host } else { "" };
        let element = pen.join(&[open, written, close, ";host=\"", host, "\";proto=http"])?;
        headers.append(FOR, address);
        headers.append(header::FORWARDED, element);
    }
    if !headers.contains_key(PROTO) {
        headers.insert(PROTO, HeaderValue::from_static("http"));
    }
    if !headers.contains_key(FORWARDED_HOST) && host_is_plain {
        headers.insert(FORWARDED_HOST, pen.text(host)?);
    }
    Ok(())
}

fn host_of(request: &HttpRequest) -> &str {
    match request.uri().authority() {
        Some(authority) => authority.as_str().rsplit('@').next().unwrap_or_default(),
        None => request.headers().get(inbound::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
    }
}

// === impl Pen ===

impl Pen {
    fn uri(
        &mut self,
        request: &HttpRequest,
        target: &Target,
        upstream: &Upstream,
    ) -> Result<Uri, ProxyError> {
        const INVALID: ProxyError = ProxyError::BadRequest("its target is not a path");
        let path = request.uri().path();
        let path = match &target.strip {
            Some(prefix) => path.strip_prefix(prefix.as_str()).unwrap_or(path),
            None => path,
        };
        self.0.put_slice(upstream.url.path().as_bytes());
        if !path.starts_with('/') && path != "*" {
            self.0.put_u8(b'/');
        }
        self.0.put_slice(path.as_bytes());
        if let Some(query) = request.uri().query() {
            self.0.put_u8(b'?');
            self.0.put_slice(query.as_bytes());
        }
        let target = PathAndQuery::from_maybe_shared(self.cut()).map_err(|_invalid| INVALID)?;
        Ok(Uri::from(target))
    }

    fn cut(&mut self) -> Bytes {
        self.0.split().freeze()
    }

    fn value(&mut self) -> Result<HeaderValue, ProxyError> {
        HeaderValue::from_maybe_shared(self.cut())
            .map_err(|_invalid| ProxyError::BadRequest("a header's value is not valid"))
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<HeaderValue, ProxyError> {
        self.0.put_slice(bytes);
        self.value()
    }

    fn text(&mut self, text: &str) -> Result<HeaderValue, ProxyError> {
        self.bytes(text.as_bytes())
    }

    fn join(&mut self, parts: &[&str]) -> Result<HeaderValue, ProxyError> {
        for part in parts {
            self.0.put_slice(part.as_bytes());
        }
        self.value()
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) -> Result<HeaderValue, ProxyError> {
        self.0.write_fmt(text).map_err(|_invalid| ProxyError::Internal("a header could not be written"))?;
        self.value()
    }
}

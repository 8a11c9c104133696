//! How long a request's body is, and whether the request is one at all.
//!
//! **Why.** Two servers that read one request differently can be made to see two (request smuggling, RFC 9112 §11.2). So a
//! request whose length could be read in two ways is refused, and what is sent on is framed anew.
//!
//! **Rules.** actix-http 3 already refuses: `Content-Length` with `Transfer-Encoding`, a second or malformed
//! `Content-Length`, a `Transfer-Encoding` that is repeated or is not `chunked`, HTTP/1.0 with it, obs-fold, bare CR, a
//! space before the colon, a missing or second `Host`. All of that is checked here again where it can still be seen,
//! because the safety of what lies behind must not hang on the version of a library. Refused here alone: CONNECT, a
//! WebSocket handshake that has a body or is not one, and what came through here too often.
//!
//! **Odd cases.** A line that ends in LF alone is taken, as RFC 9112 §2.2 allows; it is sent on with CRLF.
//! `Upgrade: websocket` makes actix-http read everything that follows as the new protocol, so such a request is either a
//! valid handshake or refused.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{Method, Version};

use crate::error::ProxyError;
use crate::settings::Settings;

/// How a request's body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    None,
    /// By `Content-Length`.
    Length(u64),
    /// By chunks.
    Chunked,
    /// There is none, and what follows is a WebSocket if the upstream agrees.
    Upgrade,
}

/// As often may a request come through here.
const PASSES: usize = 3;

impl Framing {
    /// The framing of a request that is fit to be sent on.
    pub(super) fn of(request: &HttpRequest, settings: &Settings) -> Result<Self, ProxyError> {
        let headers = request.headers();
        check(request, settings)?;
        let length = content_length(headers)?;
        let chunked = chunked(headers, request.version())?;
        if upgrade(headers) {
            let asked = names(headers, header::CONNECTION).any(|name| name.eq_ignore_ascii_case("upgrade"));
            let empty = !chunked && length.unwrap_or(0) == 0;
            if request.method() == Method::GET && request.version() == Version::HTTP_11 && asked && empty {
                return Ok(Self::Upgrade);
            }
            return Err(ProxyError::BadRequest("it asks for a WebSocket but is no handshake for one"));
        }
        match (chunked, length) {
            (true, Some(_)) => {
                Err(ProxyError::BadRequest("it has both Content-Length and Transfer-Encoding"))
            }
            (true, None) => Ok(Self::Chunked),
            (false, Some(length)) => Ok(Self::Length(length)),
            (false, None) => Ok(Self::None),
        }
    }
}

fn check(request: &HttpRequest, settings: &Settings) -> Result<(), ProxyError> {
    if request.method() == Method::CONNECT {
        return Err(ProxyError::BadRequest("CONNECT is not for this server"));
    }
    let mut size = 0_usize;
    for (name, value) in request.headers() {
        size += name.as_str().len() + value.len() + 4;
        if value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(ProxyError::BadRequest("a header's value holds a line end"));
        }
    }
    if size > settings.limits.headers {
        return Err(ProxyError::HeadersTooLarge { limit: settings.limits.headers });
    }
    let passes = names(request.headers(), header::VIA)
        .filter(|entry| entry.split_whitespace().nth(1) == Some(settings.pseudonym.as_str()));
    if passes.count() >= PASSES {
        return Err(ProxyError::Loop);
    }
    Ok(())
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, ProxyError> {
    const INVALID: ProxyError = ProxyError::BadRequest("its Content-Length is not one number");
    let mut values = headers.get_all(header::CONTENT_LENGTH);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() || value.is_empty() || !value.as_bytes().iter().all(u8::is_ascii_digit) {
        return Err(INVALID);
    }
    let text = value.to_str().map_err(|_not_ascii| INVALID)?;
    text.parse().map(Some).map_err(|_too_large| INVALID)
}

fn chunked(headers: &HeaderMap, version: Version) -> Result<bool, ProxyError> {
    let mut values = headers.get_all(header::TRANSFER_ENCODING);
    let Some(value) = values.next() else { return Ok(false) };
    let exact = value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    if !exact || values.next().is_some() || version != Version::HTTP_11 {
        return Err(ProxyError::BadRequest("its Transfer-Encoding is not exactly chunked"));
    }
    Ok(true)
}

/// Whether actix-http has taken it for a WebSocket's handshake: by the same rule as there.
fn upgrade(headers: &HeaderMap) -> bool {
    let websocket = |value: &HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket");
    headers.get_all(header::UPGRADE).any(websocket)
}

/// The members of a header that is a comma-separated list (RFC 9110 §5.6.1).
pub(super) fn names(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|name| !name.is_empty())
}

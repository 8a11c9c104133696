//! Where an upstream listens.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// `http://host[:port][/path]` without query, fragment and credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl {
    host: String,
    port: u16,
    /// As it stands in `Host`.
    authority: String,
    /// Empty, or begins with a slash and does not end with one.
    path: String,
}

/// Why a text is not a [`BaseUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is not a base URL: {why}")]
pub struct InvalidUrl {
    url: String,
    why: &'static str,
}

// === impl BaseUrl ===

impl BaseUrl {
    /// The host to connect to: a name, an IPv4 address, or an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as they stand in a `Host` header.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What every path is put behind: empty, or `/base`.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidUrl;

    fn from_str(url: &str) -> Result<Self, InvalidUrl> {
        let invalid = |why| InvalidUrl { url: url.to_owned(), why };
        let uri: http::Uri =
            url.parse().map_err(|_invalid: http::uri::InvalidUri| invalid("it cannot be read"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(invalid("upstreams are reached over plain http")),
            _ => return Err(invalid("it must begin with http://")),
        }
        let authority = uri.authority().ok_or_else(|| invalid("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(invalid("it must not hold credentials"));
        }
        if uri.query().is_some() || url.contains('#') {
            return Err(invalid("it must not have a query or a fragment"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || authority.port_u16() == Some(0) {
            return Err(invalid("it needs a host and a port above 0"));
        }
        Ok(Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.as_str().to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = InvalidUrl;

    fn try_from(url: String) -> Result<Self, InvalidUrl> {
        url.parse()
    }
}

impl From<BaseUrl> for String {
    fn from(url: BaseUrl) -> Self {
        url.to_string()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

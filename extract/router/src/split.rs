//! Which clients go to the instances while a module's weight is between 0 and 100.
//!
//! **Why.** A client that is answered by one placement and then by the other may see its own write late, and a fault of
//! the candidate would touch everybody a little instead of a few for certain. So a client, not a request, is placed.
//!
//! **Rules.** A client's bucket is a hash of what identifies it, modulo 100; it goes out if the bucket lies below the
//! weight. Buckets do not depend on the weight, so raising it only ever moves clients out and lowering it only ever
//! moves them back. What identifies a client, in this order: the value of the cookie [`COOKIE`], its `Authorization`, its session
//! cookie, its address. The module's name is hashed along, so that it is not the same clients that try everything new.
//!
//! **Odd cases.** An operator may send [`OVERRIDE`] to choose for one request; whether a client is an operator is the
//! caller's to say. An access token changes when it is refreshed and with it the bucket: a front end that cares sets the cookie.

use std::net::IpAddr;

use actix_web::http::header::{self, HeaderMap};

use crate::table::Percent;

/// The cookie whose value places a client for as long as it keeps it.
pub const COOKIE: &str = "banyan_split";

/// The header by which an operator chooses: `local` or `remote`.
pub const OVERRIDE: &str = "x-banyan-placement";

/// The header in which whoever may use [`OVERRIDE`] can prove it, where a request is somebody else's. It is never sent on.
pub const OPERATOR: &str = "x-banyan-operator";

/// What is known of a client, read only when a weight asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// Where it comes from.
    pub address: Option<IpAddr>,
    /// Name of the cookie that holds a login.
    pub session_cookie: &'a str,
    /// Whether [`OVERRIDE`] counts.
    pub may_override: bool,
}

/// One of the two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// This process.
    Local,
    /// The module's instances.
    Remote,
}

/// Where a client's requests to `module` go.
pub fn place(weight: Percent, module: &str, client: &Client<'_>) -> Place {
    if let Some(chosen) = client.chosen() {
        return chosen;
    }
    match weight {
        Percent::ZERO => Place::Local,
        Percent::ALL => Place::Remote,
        _ => placed(weight, client.bucket(module)),
    }
}

/// Where a client in this bucket goes.
fn placed(weight: Percent, bucket: u8) -> Place {
    if bucket < weight.get() { Place::Remote } else { Place::Local }
}

// === impl Client ===

impl Client<'_> {
    fn chosen(&self) -> Option<Place> {
        if !self.may_override {
            return None;
        }
        match self.headers.get(OVERRIDE)?.as_bytes() {
            b"local" => Some(Place::Local),
            b"remote" => Some(Place::Remote),
            _ => None,
        }
    }

    fn bucket(&self, module: &str) -> u8 {
        if let Some(value) = self.cookie(COOKIE) {
            return bucket(module, value.as_bytes());
        }
        if let Some(login) = self.headers.get(header::AUTHORIZATION) {
            return bucket(module, login.as_bytes());
        }
        if let Some(session) = self.cookie(self.session_cookie) {
            return bucket(module, session.as_bytes());
        }
        match self.address {
            Some(IpAddr::V4(address)) => bucket(module, &address.octets()),
            Some(IpAddr::V6(address)) => bucket(module, &address.octets()),
            None => bucket(module, b""),
        }
    }

    /// A cookie's value (RFC 6265 §4.2.1). One that is empty does not tell clients apart and does not count.
    fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.headers.get_all(header::COOKIE).filter_map(|line| line.to_str().ok());
        let mut pairs = pairs.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
    }
}

/// A number below 100 that is the same in every process and every release: FNV-1a, whose bits MurmurHash3's finaliser
/// spreads, because FNV alone leaves the low bits of similar inputs alike.
fn bucket(module: &str, identity: &[u8]) -> u8 {
    let bytes = module.bytes().chain([0]).chain(identity.iter().copied());
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    u8::try_from(hash % 100).unwrap_or(0)
}

#[cfg(test)]
mod tests;

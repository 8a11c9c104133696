//! What goes over the wire.
//!
//! ```text
//! POST {base}/_internal/{module}/{method}
//! authorization: Bearer <service token>          who the calling node is; good for this module only
//! x-banyan-contract-version: 1                   must equal the receiver's
//! x-module-epoch: 7                              must equal the receiver's
//! x-banyan-deadline-ms: 1500                     time that is left: clocks of two machines are never compared
//! traceparent: 00-…                              W3C Trace Context; a span of the calling node
//! x-banyan-caller: anonymous | user | module=NAME
//! x-banyan-user-token: <access token>            for a user: the original token, which the receiver verifies again
//! idempotency-key: …                             if the public request had one
//!
//! {the request message}
//! ```
//!
//! | status | body | meaning | executed |
//! |---|---|---|---|
//! | 200 | the response message | done | yes |
//! | 422 | `{"refused": E}` | the contract's own error | no effect |
//! | 421 | `{"misdirected":{"owner_epoch":8}}` | owned at another epoch (RFC 9110, 15.5.20) | no |
//! | 503 | `{"unavailable":{"executed":"no"}}` | not served, or failed | as it says |
//! | 504 | `{"timed_out":{"executed":"maybe"}}` | the deadline passed | as it says |
//! | 409 | `{"incompatible":{"version":2}}` | the receiver has another contract version | no |
//! | 400 | `{"malformed":{"reason":"…"}}` | a header or the body cannot be read, or there is no such method | no |
//! | 401 | `"not_admitted"` | the user's token is not valid here | no |
//! | other 4xx | any | nothing there answers for the module: without a service token it is the public 404 | no |
//! | all others | any | somebody between, or a fault | maybe |
//!
//! Messages are compatible with those of the version before and after: fields and variants are only added, and what is
//! added can be left out. A variant of an error that a receiver does not know is still known to be a refusal.

pub(crate) mod metadata;
mod reply;

pub use metadata::{ClaimedCaller, Metadata};
pub(crate) use reply::Refusal;
pub use reply::Reply;
#[doc(hidden)]
pub use reply::{answer, no_such_method};

/// Longest request or answer in bytes. What is longer is refused by whoever makes or reads it first.
pub const MOST_BYTES: usize = 8 * 1024 * 1024;

/// First segment of every internal address.
pub const PREFIX: &str = "/_internal/";

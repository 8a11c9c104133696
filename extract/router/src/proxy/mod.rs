//! The streaming reverse proxy: from an actix request to an upstream over HTTP/1.1 and back.
//!
//! **Why hyper's connections and not a client.** A client pools across threads and needs bodies that may cross them; an
//! actix worker's bodies may not. Here a worker drives its own connections, and a request never leaves its thread.
//!
//! **Path of a request.** [`framing`] refuses what is ambiguous; [`body`] reads what is short, to be able to send it again;
//! [`pool`] gives a connection; [`request`] writes the head; [`response`] or [`upgrade`] hands the answer on; [`flow`] cuts
//! off what stands still. [`attempts`] ties them together and tries again where the rules of [`retry`](crate::retry) allow.

mod attempts;
mod body;
mod flow;
mod framing;
pub(crate) mod pool;
mod request;
mod response;
mod sweep;
mod upgrade;

pub(crate) use attempts::forward;
pub use request::Extra;
pub(crate) use request::end_to_end;

//! The seam between modules: one contract, two placements.
//!
//! A module's internal interface is written once with [`contract!`]. That gives a plain async trait, which the module
//! implements and others call, and both halves of a remote call. Callers hold a [`Handle`], whose placement can be
//! swapped at run time while calls are in flight.
//!
//! ```text
//!              ┌─ local ──▶ the module
//! Handle<C> ───┤
//!              └─ remote ─▶ Stub<C> ─▶ Transport ══ JSON ══▶ Endpoint ─▶ Contract::dispatch ─▶ the module
//! ```
//!
//! A local call costs one atomic load and count, one virtual call and the boxed future; values are moved in and out
//! and nothing is encoded.
//!
//! | part | what it holds |
//! |---|---|
//! | [`contract!`], [`Contract`], [`Method`] | the definition and what is known of it without its type |
//! | [`Handle`] | what callers hold |
//! | [`Stub`], [`RetryPolicy`], [`Budget`] | the caller's half |
//! | [`Epoch`] | which period of ownership a process knows of |
//! | [`wire`] | messages, headers, statuses |
//! | [`Transport`], [`Loopback`] | how calls travel |
//! | [`Spread`] | several nodes that host one module |
//! | [`Endpoint`] | the module's half |
//! | `http` (feature `client`) | the transport over HTTP |
//! | `server` (feature `server`) | the internal routes of a node |
//! | `tokens` (either) | what nodes show one another |
//! | `faulty` (feature `testing`) | a transport that fails on purpose |

mod contract;
mod endpoint;
mod epoch;
#[cfg(feature = "testing")]
pub mod faulty;
mod handle;
#[cfg(feature = "client")]
pub mod http;
mod loopback;
mod parked;
mod retry;
#[cfg(feature = "server")]
pub mod server;
mod spread;
mod stub;
#[cfg(feature = "tokens")]
pub mod tokens;
mod transport;
pub mod wire;

pub use contract::{Contract, MessageVisitor, Method};
pub use endpoint::Endpoint;
pub use epoch::Epoch;
pub use handle::{Entered, Handle, Retired};
pub use loopback::Loopback;
pub use parked::{Parked, Parking};
pub use retry::{Budget, RetryPolicy};
pub use spread::Spread;
pub use stub::Stub;
pub use transport::{Request, Transport, TransportError};
pub use wire::Reply;

#[doc(hidden)]
pub mod __private {
    pub use async_trait::async_trait;
    pub use kernel_types::{CallContext, CallError};

    pub use crate::wire::{answer, no_such_method};
}

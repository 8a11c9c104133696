//! The seam between modules: one contract, two placements.
//!
//! A module's internal interface is written once with [`contract!`]. That gives a plain async trait, which the module
//! implements and others call, and a method table that says what goes over a wire. Callers hold a [`Handle`], whose
//! placement can be swapped at run time while calls are in flight.
//!
//! A local call costs one atomic load and count, one virtual call and the boxed future; values are moved in and out
//! and nothing is encoded.

mod contract;
mod handle;

pub use contract::{Contract, Method};
pub use handle::{Entered, Handle, Retired};

#[doc(hidden)]
pub mod __private {
    pub use async_trait::async_trait;
    pub use kernel_types::{CallContext, CallError};
}

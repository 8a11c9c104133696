//! What every module stands on.
//!
//! | part | what it gives |
//! |---|---|
//! | [`store`] | one module's database: pools, transactions, migrations, on SQLite and PostgreSQL |
//! | [`idempotency`] | answers kept in the effect's own transaction |
//! | [`events`] | what modules tell each other that happened: outbox, delivery, inbox |
//! | [`http`] | the conventions of the public API: errors, bodies, conditions, paging |
//! | [`auth`] | access tokens, verified by whoever receives them |
//! | [`module`], [`worker`] | what a module is to its host, and its background work |
//! | [`faults`] | named points at which a crash test may halt the process |
//!
//! The plain values of `kernel-types` are re-exported here, so that a module needs one name.

pub mod auth;
pub mod events;
pub mod faults;
pub mod http;
pub mod idempotency;
pub mod lease;
pub mod module;
mod schema;
pub mod store;
pub mod worker;

pub use kernel_types::*;
pub use module::Module;

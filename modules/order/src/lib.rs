//! The order module: carts, orders, the checkout saga, payments.
//!
//! | file | role |
//! |---|---|
//! | `module` | opens the module over its store and wires it |
//! | `settings` | what an operator can set |
//! | `domain` | the rules, without I/O |
//! | `store` | the queries |
//! | `service` | the use cases |
//! | `http` | the public routes |
//! | `contract` | what other modules may ask |
//! | `worker` | background work |
//! | `error` | what can be refused |
//! | `schema` | the tables |
//!
//! Orders are event-sourced: `domain::order` folds the events, `domain::saga` says from the fold what to do next, and
//! `service::runner` does it.

mod contract;
mod domain;
mod error;
mod http;
mod module;
mod schema;
mod service;
mod settings;
mod store;
mod worker;

pub use error::Error;
pub use module::OrderModule;
pub use service::{Needs, Service, Visitor};
pub use settings::Settings;

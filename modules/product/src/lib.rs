//! The product module: catalogue, prices, stock, reviews, search.
//!
//! | part | what it holds |
//! |---|---|
//! | `module` | [`ProductModule`]: the module, opened over its store |
//! | `settings` | [`Settings`] |
//! | `domain` | values and rules, no I/O: texts, prices, stock, search, files |
//! | `store` | the queries |
//! | [`service`] | the use cases, which routes and contract call |
//! | `contract` | the module as other modules see it |
//! | `http` | the public routes |
//! | `worker` | background work |
//! | `error` | [`Error`]: what is refused, and why |
//! | `schema` | the tables |

mod contract;
mod domain;
mod error;
mod http;
mod module;
mod schema;
pub mod service;
mod settings;
mod store;
mod worker;

pub use error::Error;
pub use module::{Needs, ProductModule};
pub use service::Service;
pub use settings::Settings;

//! The router of home: decides where a request of a module is answered, and brings it there.
//!
//! | part | what for |
//! |---|---|
//! | [`table`] | placements and foreign prefixes, as one versioned value |
//! | [`split`] | which clients go out while a weight rises |
//! | [`gate`] | permits, and parking during a switch |
//! | [`balance`], [`breaker`], `health` | which of several instances, and which not |
//! | [`retry`] | what may be sent again, and how often |
//! | `proxy` | the streaming reverse proxy |
//! | [`shadow`] | comparing placements on live reads |
//! | [`stats`], [`verdict`] | how a placement does, and whether it is good enough |
//! | [`Router`] | ties them together |
//!
//! It knows no module by name: the application names them when it makes the [`Router`].

pub mod balance;
pub mod breaker;
mod error;
mod fetch;
pub mod gate;
mod health;
mod proxy;
pub mod retry;
mod router;
pub mod settings;
pub mod shadow;
pub mod split;
pub mod stats;
pub mod table;
mod target;
mod upstream;
pub mod verdict;

pub use error::{ProxyError, Who};
pub use proxy::Extra;
pub use router::{Decision, InstallError, InstanceStats, ModuleStats, Remote, Router};
pub use settings::Settings;
pub use split::{Client, Place};
pub use stats::Summary;
pub use table::Table;

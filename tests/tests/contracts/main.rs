//! Every contract behaves the same wherever its module runs.
//!
//! | file | what it checks |
//! |---|---|
//! | `users`, `products`, `orders` | one body for each contract, under every runner |
//! | `runner`, `node` | the runners: local, forced encode/decode, separate process, fault injection |
//! | `alike` | how calls fail, for any contract |
//! | `faults` | what an error says of a call that may have been executed |
//! | `golden` | the messages on the wire are those that were recorded |
//! | `http`, `wire` | the transport over HTTP and the internal routes, with broken peers |
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod alike;
mod echo;
mod faults;
mod golden;
mod http;
mod node;
mod orders;
mod products;
mod runner;
mod users;
mod wire;

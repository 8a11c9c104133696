//! The kit of the whole-system suites: real processes, real stores, real requests.
//!
//! | part | what it gives |
//! |---|---|
//! | [`binary`] | the path of the program under test |
//! | [`server`] | a running `banyan serve` that can be killed, stopped and started again |
//! | [`client`] | a small HTTP client whose assertions show the whole response |
//! | [`engine`] | fresh stores, and one test for every engine |
//! | [`operator`] | orders given to a running home by the command line |
//! | [`output`] | what a child process prints, and waiting for it |
//! | [`raw`] | a store's file, opened past the program |
//! | [`shop`] | a running shop and the people in it |
//! | [`wait`] | waiting for a condition, with a deadline |

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test kit fails by panicking"
)]

pub mod binary;
pub mod client;
pub mod engine;
pub mod operator;
pub mod output;
pub mod raw;
pub mod server;
pub mod shop;
pub mod wait;

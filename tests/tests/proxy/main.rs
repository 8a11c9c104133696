//! The proxy as its users meet it: `banyan serve` as a process, between raw connections, in front of applications that are
//! not Banyan and of modules that are out.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod bodies;
mod failures;
mod foreign;
mod heads;
mod kit;
mod large;
mod legacy;
mod outages;
mod peeled;
mod slow;
mod smuggling;
mod takeover;
mod upgrades;
mod wire;
mod worked_example;

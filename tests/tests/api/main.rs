//! The public API, over HTTP, against the real binary on a real store.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod conventions;
mod documented;
mod error_codes;
mod idempotency;
mod ownership;
mod paging;
mod payments;
mod purchase;
mod readme;
mod stock;

//! The public API, over HTTP, against the real binary on a real store.

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

//! What is left after things go wrong: crashes, stops, damaged stores, overload.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod crash;
mod events;
mod overload;
mod start;
mod stop;

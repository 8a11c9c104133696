//! Modules that leave home and come back, while the shop is in use.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod books;
mod chaos;
mod clock;
mod customers;
mod desk;
mod events;
mod failures;
mod fences;
mod full;
mod instances;
mod kills;
mod lost;
mod moving;
mod orders;
mod peel;
mod placing;
mod rollback;
mod shadow;
mod tampering;
mod trouble;
mod unfinished;
mod visits;

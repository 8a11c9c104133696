//! Pages made of several modules, and what is left of them when one is gone.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod pages;
mod survival;

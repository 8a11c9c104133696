//! The stores of the modules, over both engines.

mod order;
mod product;
mod user;

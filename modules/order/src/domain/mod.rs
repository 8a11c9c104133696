//! The rules of carts, orders and payments. No I/O: everything here is a function of its arguments.

pub mod cart;
pub mod event;
pub mod order;
pub mod payment;
pub mod saga;

#[cfg(test)]
mod tests;

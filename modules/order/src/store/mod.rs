//! The module's queries.

pub(crate) mod carts;
pub(crate) mod events;
pub(crate) mod inbox;
pub(crate) mod orders;
mod outbox;
pub(crate) mod sagas;
pub(crate) mod test_payments;

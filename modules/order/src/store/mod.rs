//! The module's queries.

pub(crate) mod carts;
pub(crate) mod events;
pub(crate) mod inbox;
pub(crate) mod orders;
pub(crate) mod sagas;
pub(crate) mod test_payments;

//! The queries. Reads take any connection; what changes something takes a transaction.

pub(crate) mod addresses;
pub(crate) mod keys;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod tokens;
pub(crate) mod users;

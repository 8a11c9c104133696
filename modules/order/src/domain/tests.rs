//! Property tests of the domain as a whole.

mod payments;
mod sagas;

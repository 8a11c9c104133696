//! Access tokens: signed by the user module, verified by whoever receives them.

mod claims;
mod verifier;

pub use claims::{AUDIENCE, AccessClaims, ISSUER, TOKEN_TYPE};
pub use verifier::{AuthError, KeySource, Verifier};

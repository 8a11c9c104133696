//! The internal routes of a node: `POST /_internal/{module}/{method}`.
//!
//! What is looked at, in this order, each before the next costs anything:
//!
//! 1. the service token, by the [`Guard`]: without a valid one for that module the address does not exist. It is a
//!    routing decision, so that a public client gets, byte for byte, what any unknown address gives, and learns nothing;
//! 2. whether the module is served here (503);
//! 3. contract version (409), then epoch (421), then deadline (504);
//! 4. the user's token, if the call is for a user (401);
//! 5. the body, bounded in size and by the deadline (400);
//! 6. then the method runs, until the deadline.
//!
//! ```text
//! let registry = Registry::default();
//! registry.serve(Endpoint::of(module.contract(), epoch));
//! App::new().configure(server::configure(registry, guard)).default_service(…)
//! ```

mod registry;
mod route;

use kernel_types::Principal;

pub use registry::Registry;
pub use route::configure;

use crate::tokens::ServiceTokens;

/// Decides who may call, and verifies on whose behalf.
#[async_trait::async_trait]
pub trait Guard: Send + Sync + 'static {
    /// Whether `token`, which a node presented, is good for calling the module `audience`. Asked for every request to an
    /// internal address, valid or not, while it is routed; so it must not wait.
    fn admits(&self, token: &str, audience: &str) -> bool;

    /// Verifies a user's access token as a public route would.
    ///
    /// # Errors
    /// Why it does not count here.
    async fn user(&self, token: &str) -> Result<Principal, UserRefused>;
}

/// Why a user's token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UserRefused {
    /// It is not valid, or no longer.
    #[error("the user's token is not valid")]
    Invalid,
    /// It cannot be verified now.
    #[error("users' tokens cannot be verified now")]
    Unavailable,
}

// === impl ServiceTokens ===

/// Nodes only: calls for users are refused as unavailable, because nobody here can verify their tokens.
#[async_trait::async_trait]
impl Guard for ServiceTokens {
    fn admits(&self, token: &str, audience: &str) -> bool {
        self.verify(token, audience)
            .inspect_err(|error| log::warn!("an internal call for {audience:?} was refused: {error}"))
            .is_ok()
    }

    async fn user(&self, _token: &str) -> Result<Principal, UserRefused> {
        Err(UserRefused::Unavailable)
    }
}

//! The user module's internal interface: what other modules may ask of it.

use kernel_types::{Coded, ErrorCode, PublicKey, UserId};
use serde::{Deserialize, Serialize};

seam::contract! {
    /// Accounts and the keys that vouch for them.
    pub trait Users: "user", version 1, error UserError {
        /// The keys that verify access tokens: those that sign now and those that did until lately.
        idempotent fn public_keys(()) -> Vec<PublicKey>;
        /// What others may know of an account.
        idempotent fn get_user(UserId) -> UserSummary;
    }
}

/// What others may know of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSummary {
    /// The account.
    pub id: UserId,
    /// Where to write to.
    pub email: String,
    /// How to address them.
    pub name: String,
}

/// Why a question about accounts is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum UserError {
    /// There is no such account, or it is disabled.
    #[error("there is no such user")]
    NotFound,
}

impl Coded for UserError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound => ErrorCode::UserNotFound,
        }
    }
}

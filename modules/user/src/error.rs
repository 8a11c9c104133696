//! What the module refuses, and why.

use std::time::Duration;

use kernel::idempotency::KeyError;
use kernel::store::StoreError;
use kernel::{Coded, Detail, ErrorCode};

use crate::domain::Invalid;

/// Why a use case did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields break a rule; every one of them is named.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Another account has the e-mail address.
    #[error("an account with this e-mail address exists")]
    EmailTaken,
    /// Wrong e-mail address or password, or a disabled account: deliberately not told apart.
    #[error("e-mail address or password is wrong")]
    InvalidCredentials,
    /// A token that was never issued, or whose session has ended.
    #[error("the token is not valid")]
    TokenInvalid,
    /// A refresh token whose session has run out.
    #[error("the token has expired")]
    TokenExpired,
    /// A refresh token came a second time; its session has been ended.
    #[error("the refresh token was used before; all tokens of this login are revoked")]
    RefreshTokenReused,
    /// Too many wrong passwords for the account lately.
    #[error("too many failed logins; try again later")]
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// No such account.
    #[error("there is no such user")]
    UserNotFound,
    /// No such address in this account.
    #[error("there is no such address")]
    AddressNotFound,
    /// No such session in this account.
    #[error("there is no such session")]
    SessionNotFound,
    /// Nobody could give roles any more.
    #[error("the last operator must keep the role and stay enabled")]
    LastOperator,
    /// The account is not the one that the client read.
    #[error("the user has changed since it was read")]
    Changed,
    /// Too many passwords wait to be hashed.
    #[error("too many logins are waiting")]
    Overloaded,
    /// The idempotency key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store failed.
    #[error("the user store failed")]
    Store(#[from] StoreError),
    /// Hashing, signing or the system's random numbers failed.
    #[error("{0}")]
    Crypto(String),
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) => ErrorCode::ValidationFailed,
            Self::EmailTaken => ErrorCode::EmailTaken,
            Self::InvalidCredentials => ErrorCode::InvalidCredentials,
            Self::TokenInvalid => ErrorCode::TokenInvalid,
            Self::TokenExpired => ErrorCode::TokenExpired,
            Self::RefreshTokenReused => ErrorCode::RefreshTokenReused,
            Self::Throttled { .. } => ErrorCode::RateLimited,
            Self::UserNotFound => ErrorCode::UserNotFound,
            Self::AddressNotFound => ErrorCode::AddressNotFound,
            Self::SessionNotFound => ErrorCode::SessionNotFound,
            Self::LastOperator => ErrorCode::LastOperator,
            Self::Changed => ErrorCode::PreconditionFailed,
            Self::Overloaded => ErrorCode::Overloaded,
            Self::Key(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Crypto(_) => ErrorCode::Internal,
        }
    }

    fn details(&self) -> Vec<Detail> {
        match self {
            Self::Invalid(invalid) => invalid.details.clone(),
            _ => Vec::new(),
        }
    }
}

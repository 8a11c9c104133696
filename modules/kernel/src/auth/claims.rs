//! What an access token says (RFC 9068).

use kernel_types::{Principal, Role, SessionId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// `iss` of every access token.
pub const ISSUER: &str = "banyan";
/// `aud` of every access token.
pub const AUDIENCE: &str = "banyan-api";
/// `typ` in the header of every access token.
pub const TOKEN_TYPE: &str = "at+jwt";

/// The claims of an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who issued it: [`ISSUER`].
    pub iss: String,
    /// For whom: [`AUDIENCE`].
    pub aud: String,
    /// The account.
    pub sub: UserId,
    /// The login.
    pub sid: SessionId,
    /// Staff roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// Issued at, in seconds since the epoch.
    pub iat: i64,
    /// Expires at, in seconds since the epoch.
    pub exp: i64,
}

impl From<AccessClaims> for Principal {
    fn from(claims: AccessClaims) -> Self {
        Self {
            user_id: claims.sub,
            session_id: claims.sid,
            roles: claims.roles,
            expires_at: Timestamp::from_micros(claims.exp.saturating_mul(1_000_000)),
        }
    }
}

//! Who is asking, and what that allows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{SessionId, Timestamp, UserId};

/// A verified identity: what an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The account.
    pub user_id: UserId,
    /// The login that the token came from.
    pub session_id: SessionId,
    /// Staff roles; empty for a customer.
    pub roles: Vec<Role>,
    /// When the token ends.
    pub expires_at: Timestamp,
}

/// A key that verifies access tokens (RFC 8037, `OKP` with curve Ed25519).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Names the key in a token's header.
    pub kid: String,
    /// The 32 bytes in base64url without padding.
    pub x: String,
}

/// A staff role. Customers have none.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads accounts and orders, cancels orders.
    Support,
    /// Keeps the catalogue, prices and stock.
    Catalog,
    /// Everything, including the roles of others.
    Operator,
}

/// One thing that only staff may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Read any account.
    ReadUsers,
    /// Change roles, disable accounts.
    ManageUsers,
    /// Create, change and retire products, categories, variants, prices; import and export.
    ManageCatalog,
    /// Adjust stock and read its ledger.
    ManageStock,
    /// Read any order and its saga.
    ReadOrders,
    /// Cancel any order, retry a stuck saga.
    ManageOrders,
    /// Move modules between processes.
    ManageModules,
}

/// The text names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a role: use support, catalog or operator")]
pub struct InvalidRole;

// === impl Principal ===

impl Principal {
    /// Whether any of the roles allows `permission`.
    pub fn may(&self, permission: Permission) -> bool {
        self.roles.iter().any(|role| role.allows(permission))
    }

    /// Whether this is staff of any kind.
    pub fn is_staff(&self) -> bool {
        !self.roles.is_empty()
    }
}

// === impl Role ===

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Support, Self::Catalog, Self::Operator];

    /// The one table of what each role may do.
    pub fn allows(self, permission: Permission) -> bool {
        use Permission::{
            ManageCatalog, ManageModules, ManageOrders, ManageStock, ManageUsers, ReadOrders, ReadUsers,
        };
        match self {
            Self::Operator => match permission {
                ReadUsers | ManageUsers | ManageCatalog | ManageStock | ReadOrders | ManageOrders
                | ManageModules => true,
            },
            Self::Support => matches!(permission, ReadUsers | ReadOrders | ManageOrders),
            Self::Catalog => matches!(permission, ManageCatalog | ManageStock),
        }
    }

    /// The name used in tokens, JSON and the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Support => "support",
            Self::Catalog => "catalog",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or(InvalidRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_operator_may_change_roles() {
        let allowed: Vec<_> = Role::ALL.into_iter().filter(|r| r.allows(Permission::ManageUsers)).collect();
        assert_eq!(allowed, [Role::Operator]);
    }

    #[test]
    fn names_and_roles_are_the_same_thing() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse::<Role>(), Ok(role));
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("{:?}", role.name()));
        }
    }
}

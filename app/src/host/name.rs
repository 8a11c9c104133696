//! The modules by name.

use std::fmt;

use clap::ValueEnum;

/// One of the modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum ModuleName {
    /// Accounts.
    User,
    /// The catalogue.
    Product,
    /// Carts and orders.
    Order,
}

impl ModuleName {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::User, Self::Product, Self::Order];

    /// The name: of its contract, its schema, its routes' tag.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Product => "product",
            Self::Order => "order",
        }
    }

    /// Whether its code is in this program.
    pub(crate) fn is_built_in(self) -> bool {
        match self {
            Self::User => cfg!(feature = "user"),
            Self::Product => cfg!(feature = "product"),
            Self::Order => cfg!(feature = "order"),
        }
    }

    /// The module with this name.
    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|module| module.as_str() == name)
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

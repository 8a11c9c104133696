//! The states that things can be in, with the one name each has in JSON, in files and in the store.

use std::fmt;
use std::str::FromStr;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};

/// The text names no state of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of: {0}")]
pub struct UnknownState(pub &'static str);

macro_rules! states {
    ($(#[$doc:meta])* $state:ident: $all:literal { $($(#[$variant_doc:meta])* $variant:ident $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema,
            diesel::expression::AsExpression, diesel::deserialize::FromSqlRow,
        )]
        #[diesel(sql_type = Text)]
        #[serde(rename_all = "snake_case")]
        pub enum $state {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $state {
            /// The name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl fmt::Display for $state {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $state {
            type Err = UnknownState;

            fn from_str(text: &str) -> Result<Self, UnknownState> {
                match text { $($name => Ok(Self::$variant),)+ _ => Err(UnknownState($all)) }
            }
        }

        impl<DB: Backend> ToSql<Text, DB> for $state
        where
            str: ToSql<Text, DB>,
        {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                self.name().to_sql(out)
            }
        }

        impl<DB: Backend> FromSql<Text, DB> for $state
        where
            String: FromSql<Text, DB>,
        {
            fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
                Ok(String::from_sql(bytes)?.parse()?)
            }
        }
    };
}

states! {
    /// Whether a product is in the shop.
    ProductStatus: "draft, active, archived" {
        /// Being prepared; only staff see it.
        Draft "draft",
        /// In the shop.
        Active "active",
        /// No longer sold; kept for the orders that name it.
        Archived "archived",
    }
}

states! {
    /// Whether a variant is on sale.
    VariantStatus: "active, archived" {
        /// On sale while its product is.
        Active "active",
        /// No longer sold; kept for the orders that name it.
        Archived "archived",
    }
}

states! {
    /// What became of a reservation.
    ReservationState: "held, committed, released" {
        /// Its units are set aside.
        Held "held",
        /// Its units have left.
        Committed "committed",
        /// Undone, run out, or refused before it was made. It never comes back.
        Released "released",
    }
}

states! {
    /// Whether a review is shown.
    ReviewStatus: "published, hidden" {
        /// Shown and counted.
        Published "published",
        /// Taken down by staff.
        Hidden "hidden",
    }
}

// === impl ProductStatus ===

impl ProductStatus {
    /// The statuses that this is not.
    pub const fn others(self) -> [Self; 2] {
        match self {
            Self::Draft => [Self::Active, Self::Archived],
            Self::Active => [Self::Draft, Self::Archived],
            Self::Archived => [Self::Draft, Self::Active],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_one_name_everywhere() {
        for state in [ProductStatus::Draft, ProductStatus::Active, ProductStatus::Archived] {
            assert_eq!(state.to_string().parse(), Ok(state));
            assert_eq!(serde_json::to_string(&state).unwrap(), format!("{:?}", state.name()));
        }
        assert_eq!("sold".parse::<VariantStatus>(), Err(UnknownState("active, archived")));
    }
}

//! The settings of the modules that are in this program. Those of others are for the processes that have them: one file serves
//! all.

#[cfg(feature = "order")]
pub(super) use order::Settings as Order;
#[cfg(feature = "product")]
pub(super) use product::Settings as Product;
#[cfg(feature = "user")]
pub(super) use user::Settings as User;

#[cfg(not(feature = "order"))]
pub(super) use absent::Unread as Order;
#[cfg(not(feature = "product"))]
pub(super) use absent::Unread as Product;
#[cfg(not(feature = "user"))]
pub(super) use absent::Unread as User;

#[cfg(not(all(feature = "user", feature = "product", feature = "order")))]
mod absent {
    use serde::de::{Deserialize, Deserializer, IgnoredAny};

    /// Settings that nobody here understands.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Unread;

    impl<'de> Deserialize<'de> for Unread {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            IgnoredAny::deserialize(deserializer).map(|_| Self)
        }
    }
}

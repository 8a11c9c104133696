//! The rules of accounts. No I/O.

mod account;
mod address;
mod common_passwords;
mod country;
mod email;
mod fields;
mod password;
mod roles;
mod secret;
mod session;
mod text;
mod throttle;
mod token;

pub use account::{Profile, Registration, User};
pub use address::{Address, AddressId, AddressKind, AddressPatch, AddressText, NewAddress};
pub use email::Email;
pub use fields::Invalid;
pub use password::NewPassword;
pub use secret::Secret;
pub use session::Session;
pub use text::{PersonName, UserAgent};

pub(crate) use address::MOST_ADDRESSES;
pub(crate) use country::Country;
pub(crate) use fields::Fields;
pub(crate) use roles::{loses_last_operator, parse_roles};
pub(crate) use session::Lifetimes;
pub(crate) use throttle::Throttle;
pub(crate) use token::{RefreshToken, digest};

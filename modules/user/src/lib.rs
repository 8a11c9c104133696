//! Accounts, logins, and the keys that vouch for them.
//!
//! | part | what it holds |
//! |---|---|
//! | `module` | opens the module and wires it |
//! | `settings` | what an operator may set |
//! | `domain/` | the rules: e-mail addresses, passwords, addresses, lifetimes, throttling |
//! | `service/` | the use cases, which the routes and the contract call |
//! | `store/`, `schema` | the queries, and the tables they see |
//! | `http/` | the public routes, a file for each resource |
//! | `contract` | what other modules may ask |
//! | `worker` | deleting what has expired |
//! | `error` | what is refused, and why |

mod contract;
mod domain;
mod error;
mod http;
mod module;
mod schema;
mod service;
mod settings;
mod store;
mod worker;

pub use domain::{
    Address, AddressId, AddressKind, AddressPatch, AddressText, Email, Invalid, NewAddress, NewPassword,
    PersonName, Profile, Registration, Secret, Session, User, UserAgent,
};
pub use error::Error;
pub use module::{Needs, SampleUser, SampleUsers, Seeded, UserModule};
pub use service::{LoginRequest, Service, Tokens, UserFilter};
pub use settings::Settings;

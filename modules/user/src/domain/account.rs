//! Accounts.

use kernel::{Role, Timestamp, UserId};

use super::{Email, Fields, Invalid, NewPassword, PersonName, Secret};

/// An account, without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Names it.
    pub id: UserId,
    /// Where to write to.
    pub email: String,
    /// How to address them.
    pub name: String,
    /// Staff roles; empty for a customer.
    pub roles: Vec<Role>,
    /// Whether logging in is refused.
    pub disabled: bool,
    /// Raised by every change that staff can see.
    pub version: i32,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a person gives to get an account.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Where to write to.
    pub email: Email,
    /// How to address them.
    pub name: PersonName,
    /// What they will log in with.
    pub password: NewPassword,
}

/// What a person may change of their account.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// How to address them.
    pub name: Option<PersonName>,
}

// === impl Registration ===

impl Registration {
    /// Checks every field.
    ///
    /// # Errors
    /// Names all that are wrong.
    pub fn parse(email: &str, name: &str, password: Secret) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        let email = fields.take("email", Email::parse(email));
        let name = fields.take("name", PersonName::parse(name));
        let password = fields.take("password", NewPassword::parse(password, email.as_ref()));
        match (email, name, password) {
            (Some(email), Some(name), Some(password)) => Ok(Self { email, name, password }),
            _ => Err(fields.invalid()),
        }
    }
}

// === impl Profile ===

impl Profile {
    /// Checks every field that is there.
    ///
    /// # Errors
    /// Names all that are wrong.
    pub fn parse(name: Option<&str>) -> Result<Self, Invalid> {
        let mut fields = Fields::default();
        match fields.maybe("name", name.map(PersonName::parse)) {
            Some(name) => Ok(Self { name }),
            None => Err(fields.invalid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let invalid = Registration::parse("ada", " ", Secret::new("short")).unwrap_err();
        let fields: Vec<_> = invalid.details.iter().filter_map(|detail| detail.field.as_deref()).collect();
        assert_eq!(fields, ["email", "name", "password"]);
        assert!(!format!("{invalid:?}").contains("short"));
    }
}

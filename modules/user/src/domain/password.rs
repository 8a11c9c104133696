//! What a new password must be (NIST SP 800-63B, section 3.1.1.2; OWASP ASVS 5.0, V6.2): long enough, not common, and nothing else.

use super::common_passwords::COMMON_PASSWORDS;
use super::{Email, Secret};

/// Fewest characters.
pub const SHORTEST: usize = 8;
/// Most characters. No password is ever cut to fit.
pub const LONGEST: usize = 128;

/// A password that an account may have.
#[derive(Debug, Clone)]
pub struct NewPassword(Secret);

// === impl NewPassword ===

impl NewPassword {
    /// Checks a password against the rules.
    ///
    /// # Errors
    /// Says which rule it breaks, never what it was.
    pub fn parse(password: Secret, email: Option<&Email>) -> Result<Self, &'static str> {
        let length = password.expose().chars().count();
        if length < SHORTEST {
            return Err("must have at least 8 characters");
        }
        if length > LONGEST {
            return Err("must have at most 128 characters");
        }
        let lowered = password.expose().to_lowercase();
        if COMMON_PASSWORDS.contains(&lowered.as_str()) {
            return Err("is one of the passwords that are guessed first");
        }
        if email.is_some_and(|email| email.key() == lowered.trim()) {
            return Err("must not be the e-mail address");
        }
        Ok(Self(password))
    }

    /// The password.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> Result<NewPassword, &'static str> {
        NewPassword::parse(Secret::new(password), Some(&Email::parse("ada@example.org").unwrap()))
    }

    #[test]
    fn length_is_counted_in_characters_and_composition_does_not_count() {
        for good in ["éééééééé", "only lower case words", &"x".repeat(128)] {
            assert!(check(good).is_ok(), "{good}");
        }
        assert!(check("ééééééé").is_err() && check(&"x".repeat(129)).is_err());
    }

    #[test]
    fn what_is_guessed_first_is_refused_in_any_case() {
        for bad in ["password1", "PassWord123", "QWERTYUIOP", "Ada@Example.org"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_list_holds_only_passwords_that_could_pass_otherwise() {
        assert!(COMMON_PASSWORDS.len() >= 100);
        for password in COMMON_PASSWORDS {
            assert!(
                password.chars().count() >= SHORTEST && *password == password.to_lowercase(),
                "{password}"
            );
        }
    }
}

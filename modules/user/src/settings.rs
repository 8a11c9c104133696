//! What an operator may set for this module.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// Settings of the user module. A value outside its range is refused when the configuration is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Life of an access token, in minutes, 1 to 60. Other modules accept a token until it ends, also after a logout, so keep it short.
    #[serde(deserialize_with = "within::<_, 1, 60>")]
    pub access_token_minutes: u32,
    /// A login ends when its refresh token was not used for so many days, 1 to 365.
    #[serde(deserialize_with = "within::<_, 1, 365>")]
    pub session_idle_days: u32,
    /// A login ends after so many days, however much it is used, 1 to 3650.
    #[serde(deserialize_with = "within::<_, 1, 3650>")]
    pub session_absolute_days: u32,
    /// Memory of one argon2id hash in KiB, at least 19456 (OWASP). Raising it rehashes each password at its next login.
    #[serde(deserialize_with = "within::<_, 19_456, 4_194_304>")]
    pub argon2_memory_kib: u32,
    /// Passes of one argon2id hash over its memory, at least 2.
    #[serde(deserialize_with = "within::<_, 2, 100>")]
    pub argon2_iterations: u32,
    /// Passwords hashed at the same time, 1 to 64: bounds the memory and the processors that logins may take.
    #[serde(deserialize_with = "within::<_, 1, 64>")]
    pub password_hashers: u32,
    /// Most passwords that may wait to be hashed; one more is answered 503 `OVERLOADED`.
    #[serde(deserialize_with = "within::<_, 1, 10_000>")]
    pub password_queue: u32,
    /// Wrong passwords for one account within the window before further logins are answered 429, in each process.
    #[serde(deserialize_with = "within::<_, 1, 1_000_000>")]
    pub login_failures: u32,
    /// Length of that window in minutes, from the first wrong password.
    #[serde(deserialize_with = "within::<_, 1, 1_440>")]
    pub login_window_minutes: u32,
}

fn within<'de, D: Deserializer<'de>, const LOW: u32, const HIGH: u32>(
    deserializer: D,
) -> Result<u32, D::Error> {
    let value = u32::deserialize(deserializer)?;
    if (LOW..=HIGH).contains(&value) {
        Ok(value)
    } else {
        Err(de::Error::custom(format!("must be from {LOW} to {HIGH}, not {value}")))
    }
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_token_minutes: 10,
            session_idle_days: 30,
            session_absolute_days: 90,
            argon2_memory_kib: 19_456,
            argon2_iterations: 2,
            password_hashers: 2,
            password_queue: 64,
            login_failures: 10,
            login_window_minutes: 15,
        }
    }
}

impl Settings {
    pub(crate) fn access_token_life(&self) -> Duration {
        minutes(self.access_token_minutes)
    }

    pub(crate) fn session_idle(&self) -> Duration {
        days(self.session_idle_days)
    }

    pub(crate) fn session_absolute(&self) -> Duration {
        days(self.session_absolute_days)
    }

    pub(crate) fn login_window(&self) -> Duration {
        minutes(self.login_window_minutes)
    }
}

fn minutes(number: u32) -> Duration {
    Duration::from_secs(u64::from(number) * 60)
}

fn days(number: u32) -> Duration {
    Duration::from_secs(u64::from(number) * 24 * 60 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_needs_to_be_set() {
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
    }

    #[test]
    fn a_value_outside_its_range_is_refused_with_the_range() {
        let error = serde_json::from_str::<Settings>(r#"{"argon2_memory_kib":1024}"#).unwrap_err();
        assert!(error.to_string().contains("from 19456 to 4194304"), "{error}");
    }

    #[test]
    fn an_unknown_setting_is_refused_by_name() {
        let error = serde_json::from_str::<Settings>(r#"{"access_token_seconds":5}"#).unwrap_err();
        assert!(error.to_string().contains("access_token_seconds"), "{error}");
    }
}

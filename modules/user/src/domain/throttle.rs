//! Slows down guessing of one account's password.

use std::collections::HashMap;
use std::time::Duration;

use kernel::Timestamp;

/// Accounts whose failures are remembered; beyond that the one that is due to be forgotten first is.
const MOST_ACCOUNTS: usize = 10_000;

/// Counts failed logins by account, in fixed windows that begin with the first failure.
///
/// It lives in one process's memory: `n` processes together allow `n` times as many failures, and a restart forgets. That is enough
/// to make guessing hopeless, and it costs no write for a failed login. It counts unknown accounts too, so that it tells
/// nobody who has one.
#[derive(Debug)]
pub(crate) struct Throttle {
    most: u32,
    window: Duration,
    failures: HashMap<String, Failures>,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    forgotten_at: Timestamp,
}

// === impl Throttle ===

impl Throttle {
    /// Allows `most` failures in each `window`.
    pub(crate) fn new(most: u32, window: Duration) -> Self {
        Self { most, window, failures: HashMap::new() }
    }

    /// Passes unless the account has failed too often; then says how long to wait.
    pub(crate) fn check(&self, account: &str, now: Timestamp) -> Result<(), Duration> {
        match self.failures.get(account) {
            Some(failures) if failures.count >= self.most && failures.forgotten_at > now => {
                Err(failures.forgotten_at.since(now))
            }
            _ => Ok(()),
        }
    }

    /// Notes a wrong password.
    pub(crate) fn failed(&mut self, account: &str, now: Timestamp) {
        let forgotten_at = now.plus(self.window);
        if let Some(failures) = self.failures.get_mut(account) {
            if failures.forgotten_at <= now {
                *failures = Failures { count: 0, forgotten_at };
            }
            failures.count = failures.count.saturating_add(1);
            return;
        }
        if self.failures.len() >= MOST_ACCOUNTS {
            self.make_room(now);
        }
        self.failures.insert(account.to_owned(), Failures { count: 1, forgotten_at });
    }

    /// Forgets the failures of an account whose password was right.
    pub(crate) fn succeeded(&mut self, account: &str) {
        self.failures.remove(account);
    }

    fn make_room(&mut self, now: Timestamp) {
        self.failures.retain(|_, failures| failures.forgotten_at > now);
        if self.failures.len() >= MOST_ACCOUNTS {
            let oldest = self.failures.iter().min_by_key(|(_, failures)| failures.forgotten_at);
            if let Some(oldest) = oldest.map(|(account, _)| account.clone()) {
                self.failures.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(minute: u32) -> Timestamp {
        Timestamp::from_micros(0).plus(MINUTE * minute)
    }

    #[test]
    fn the_failure_after_the_last_allowed_one_waits_for_the_window_to_end() {
        let mut throttle = Throttle::new(3, MINUTE * 15);
        for _ in 0..3 {
            assert_eq!(throttle.check("ada", at(5)), Ok(()));
            throttle.failed("ada", at(5));
        }
        assert_eq!(throttle.check("ada", at(8)), Err(MINUTE * 12));
        assert_eq!(throttle.check("bob", at(8)), Ok(()));
        assert_eq!(throttle.check("ada", at(20)), Ok(()));
        throttle.failed("ada", at(20));
        assert_eq!(throttle.check("ada", at(20)), Ok(()), "a new window counts anew");
    }

    #[test]
    fn a_right_password_forgives() {
        let mut throttle = Throttle::new(1, MINUTE);
        throttle.failed("ada", at(0));
        throttle.succeeded("ada");
        assert_eq!(throttle.check("ada", at(0)), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let mut throttle = Throttle::new(1, MINUTE);
        for number in 0..MOST_ACCOUNTS + 10 {
            throttle.failed(&number.to_string(), at(0));
        }
        assert_eq!(throttle.failures.len(), MOST_ACCOUNTS);
        throttle.failed("later", at(2));
        assert_eq!(throttle.failures.len(), 1, "what has run out goes first");
    }
}

//! The module's settings.

use std::time::Duration;

use serde::Deserialize;

/// Settings of the order module.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// An order that is not paid by then expires. Default 15 minutes.
    pub payment_seconds: u32,
    /// Stock is held this much longer than the buyer has time to pay, so that a payment in the last moment finds it. Default 60.
    pub hold_grace_seconds: u32,
    /// How often a payment that waits for the buyer is asked about. Default 30.
    pub poll_seconds: u32,
    /// A process that does not come back loses its sagas after this. A step takes at most 10 seconds; with a shorter lease it may be
    /// taken twice, which does no harm. Default 30.
    pub lease_seconds: u32,
    /// First pause after a failed step; doubled each time, up to five minutes. Default 500 ms.
    pub retry_milliseconds: u32,
    /// Failures in a row after which an order is flagged. It is tried on all the same. Default 8.
    pub attention_after: u32,
    /// Whether the built-in test provider takes payments. Default true: there is no other yet.
    pub test_provider: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            payment_seconds: 15 * 60,
            hold_grace_seconds: 60,
            poll_seconds: 30,
            lease_seconds: 30,
            retry_milliseconds: 500,
            attention_after: 8,
            test_provider: true,
        }
    }
}

impl Settings {
    pub(crate) fn payment(&self) -> Duration {
        Duration::from_secs(self.payment_seconds.into())
    }

    pub(crate) fn hold(&self) -> Duration {
        self.payment() + Duration::from_secs(self.hold_grace_seconds.into())
    }

    pub(crate) fn poll(&self) -> Duration {
        Duration::from_secs(self.poll_seconds.max(1).into())
    }

    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds.max(1).into())
    }

    /// Pause before a step is tried again after failing `attempts` times in a row.
    pub(crate) fn backoff(&self, attempts: u32) -> Duration {
        let first = Duration::from_millis(self.retry_milliseconds.max(1).into());
        first.saturating_mul(1_u32 << attempts.saturating_sub(1).min(16)).min(Duration::from_secs(300))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_stop_at_five_minutes() {
        let settings = Settings::default();
        assert_eq!(settings.backoff(1), Duration::from_millis(500));
        assert_eq!(settings.backoff(3), Duration::from_secs(2));
        assert_eq!(settings.backoff(1000), Duration::from_secs(300));
    }
}

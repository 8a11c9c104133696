//! Logins and how long they last.

use std::time::Duration;

use kernel::{SessionId, Timestamp};

/// A login that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names it; access tokens carry it.
    pub id: SessionId,
    /// What the browser called itself.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When its refresh token was last used.
    pub last_used_at: Timestamp,
    /// When it ends unless it is used before.
    pub expires_at: Timestamp,
}

/// How long a login lasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    /// Without being used.
    pub(crate) idle: Duration,
    /// However much it is used.
    pub(crate) absolute: Duration,
}

// === impl Lifetimes ===

impl Lifetimes {
    /// When a login that begins `now` ends at the latest.
    pub(crate) fn end(self, now: Timestamp) -> Timestamp {
        now.plus(self.absolute)
    }

    /// When a login that is used `now` expires: never later than its end.
    pub(crate) fn expiry(self, now: Timestamp, end: Timestamp) -> Timestamp {
        now.plus(self.idle).min(end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 86_400;
    const LIFETIMES: Lifetimes =
        Lifetimes { idle: Duration::from_secs(30 * DAY), absolute: Duration::from_secs(90 * DAY) };

    proptest! {
        #[test]
        fn however_often_it_is_used_a_login_ends_on_its_last_day(gaps in prop::collection::vec(0..30 * DAY, 0..50)) {
            let start = Timestamp::from_micros(0);
            let end = LIFETIMES.end(start);
            let (mut now, mut expiry) = (start, LIFETIMES.expiry(start, end));
            for gap in gaps {
                now = now.plus(Duration::from_secs(gap));
                if now >= expiry {
                    break;
                }
                let moved = LIFETIMES.expiry(now, end);
                prop_assert!(moved >= expiry && moved <= end);
                expiry = moved;
            }
        }
    }
}

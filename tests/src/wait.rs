//! Waiting for a condition, with a deadline.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Tries `attempt` every 20 ms until it gives a value, and returns that.
///
/// For conditions that can only be asked for; where something announces itself, wait for the announcement.
///
/// ```text
/// let order = until(Duration::from_secs(10), "the order to be confirmed", async || {
///     let order = client.get(&path).send().await.body;
///     (order["status"] == "CONFIRMED").then_some(order)
/// })
/// .await;
/// ```
///
/// # Panics
/// When `deadline` has passed, naming `what`.
pub async fn until<T>(deadline: Duration, what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let mut attempts = 0_u64;
    let polling = async {
        let mut interval = tokio::time::interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            attempts += 1;
            if let Some(value) = attempt().await {
                return value;
            }
        }
    };
    // Around the whole loop, so that an attempt that never returns ends at the deadline too.
    match tokio::time::timeout(deadline, polling).await {
        Ok(value) => value,
        Err(_elapsed) => panic!("waited {deadline:?} in vain for {what} ({attempts} attempts)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_value_ends_the_wait() {
        let mut attempts = 0;
        let value = until(Duration::from_secs(10), "three attempts", async || {
            attempts += 1;
            (attempts == 3).then_some(attempts)
        });
        assert_eq!(value.await, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "in vain for a miracle")]
    async fn an_attempt_that_hangs_ends_at_the_deadline() {
        until(Duration::from_millis(30), "a miracle", async || std::future::pending::<Option<()>>().await)
            .await;
    }
}

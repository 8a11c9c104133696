//! Named points at which a crash test may halt the process, to kill it there.
//!
//! A point does nothing unless the process was started with its name in `testing.halt_at`. There it says so in the log and
//! waits for good, holding whatever it holds: the state that a power cut at that moment would leave.

use std::sync::OnceLock;

static HALT_AT: OnceLock<String> = OnceLock::new();

/// Arms the one point at which this process shall halt. Later calls have no effect.
pub fn arm(point: &str) {
    log::warn!("testing.halt_at is set: this process will halt at {point}");
    // A second arming keeps the first: a process halts once.
    HALT_AT.get_or_init(|| point.to_owned());
}

/// Halts here if `point` is armed.
pub async fn point(point: &str) {
    if HALT_AT.get().is_some_and(|armed| armed == point) {
        log::error!("halted at {point}");
        std::future::pending::<()>().await;
    }
}

//! Named points at which a crash test may halt the process, to kill it there, or let something fail.
//!
//! A point does nothing unless the process was started with its name in `testing.halt_at`. There it says so in the log and
//! waits for good, holding whatever it holds: the state that a power cut at that moment would leave. With its name and a
//! number in `testing.fail_at`, what is done there fails so often, and then no more.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

static HALT_AT: OnceLock<String> = OnceLock::new();
static FAIL_AT: OnceLock<(String, AtomicU32)> = OnceLock::new();

/// Arms the one point at which this process shall halt. Later calls have no effect.
pub fn arm(point: &str) {
    log::warn!("testing.halt_at is set: this process will halt at {point}");
    // A second arming keeps the first: a process halts once.
    HALT_AT.get_or_init(|| point.to_owned());
}

/// Arms the one point at which something fails: `NAME:TIMES`; once, when there is no number. Later calls have no effect.
pub fn arm_failure(point: &str) {
    log::warn!("testing.fail_at is set: {point} will fail");
    let (name, times) = point.split_once(':').unwrap_or((point, "1"));
    // A second arming keeps the first.
    FAIL_AT.get_or_init(|| (name.to_owned(), AtomicU32::new(times.parse().unwrap_or(1))));
}

/// Whether what is done here is to fail.
pub fn fails(point: &str) -> bool {
    let Some((_, left)) = FAIL_AT.get().filter(|(armed, _)| armed == point) else { return false };
    let fails = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
    if fails {
        log::error!("failed at {point}");
    }
    fails
}

/// Halts here if `point` is armed.
pub async fn point(point: &str) {
    if HALT_AT.get().is_some_and(|armed| armed == point) {
        log::error!("halted at {point}");
        std::future::pending::<()>().await;
    }
}

//! The one timer of a worker thread: once a second it closes idle connections and cuts off bodies that stand still.
//!
//! It runs only while there is something to look at.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::{flow, pool};

const EVERY: Duration = Duration::from_millis(500);

thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Sets the mark back, also if the runtime that ran it ended first.
struct Mark;

/// Starts the timer of this thread if it does not run.
pub(super) fn ensure() {
    if RUNNING.replace(true) {
        return;
    }
    let mark = Mark;
    actix_web::rt::spawn(async move {
        let _mark = mark;
        loop {
            tokio::time::sleep(EVERY).await;
            let now = Instant::now();
            if pool::sweep(now) + flow::sweep(now) == 0 {
                break;
            }
        }
    });
}

// === impl Mark ===

impl Drop for Mark {
    fn drop(&mut self) {
        RUNNING.set(false);
    }
}

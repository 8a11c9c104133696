//! What a child process prints, captured as it comes.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The captured output. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Output {
    shared: Arc<Shared>,
}

/// Why what was waited for did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The deadline passed.
    TimedOut,
    /// Nothing more can come: every stream has ended.
    Ended,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Whole lines, in the order in which they were read.
    text: String,
    /// Streams that have not ended.
    open: usize,
}

// === impl Output ===

impl Output {
    /// Captures `stream` on a thread of its own, until the stream ends.
    pub fn capture(&self, stream: impl Read + Send + 'static) {
        self.lock().open += 1;
        let output = self.clone();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stream);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                output.lock().text.push_str(&String::from_utf8_lossy(&line));
                output.shared.changed.notify_all();
                line.clear();
            }
            output.lock().open -= 1;
            output.shared.changed.notify_all();
        });
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        self.lock().text.clone()
    }

    /// Blocks until `find` finds something in the text.
    ///
    /// # Errors
    /// Why it did not.
    pub fn wait_for<T>(
        &self,
        deadline: Duration,
        mut find: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, Missing> {
        let mut found = None;
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(self.lock(), deadline, |state| {
                found = find(&state.text);
                found.is_none() && state.open > 0
            })
            .unwrap_or_else(PoisonError::into_inner);
        found.ok_or(if state.open == 0 { Missing::Ended } else { Missing::TimedOut })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

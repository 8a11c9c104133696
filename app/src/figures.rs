//! Figures as people read them.

/// Milliseconds with a tenth, as in `16.4 ms`.
pub(crate) fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}

/// Seconds with a tenth, as in `3.2 s`.
pub(crate) fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

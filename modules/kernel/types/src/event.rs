//! What one module tells others that it happened.
//!
//! A stream of events has one source and no gaps: each has the sequence number after the one before it. A consumer takes
//! them in that order and remembers the last; so it knows what it has already, and what is missing. This is what makes
//! delivery that happens at least once have its effect exactly once.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the source's stream; the first is 1.
    pub sequence: i64,
    /// What it happened to.
    pub aggregate: String,
    /// What happened, as in `order.confirmed`.
    pub kind: String,
    /// JSON text in the shape of the kind.
    pub data: String,
    /// When.
    pub at: Timestamp,
}

/// Events of one source that follow one another, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventBatch {
    /// The module in which they happened.
    pub source: String,
    /// At most 100.
    pub events: Vec<Event>,
}

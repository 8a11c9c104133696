//! W3C Trace Context (Recommendation, 2021-11-23): the part that a service must take in and hand on.

use std::fmt;
use std::str::FromStr;

/// One position in a distributed trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// Names the whole trace; never zero.
    pub trace_id: u128,
    /// Names the caller's span; never zero.
    pub parent_id: u64,
    /// Bit 0: sampled.
    pub flags: u8,
}

/// The header is not a valid `traceparent`; the standard says to start a new trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid traceparent")]
pub struct InvalidTraceparent;

// === impl TraceContext ===

impl TraceContext {
    /// Starts a trace.
    pub fn start() -> Self {
        Self { trace_id: fastrand::u128(1..), parent_id: random_span(), flags: 1 }
    }

    /// The context to hand to the next party: same trace, a span of our own.
    pub fn child(self) -> Self {
        Self { parent_id: random_span(), ..self }
    }
}

fn random_span() -> u64 {
    // Trace and span ids need to differ, not to be unguessable; so they cost no system call.
    fastrand::u64(1..)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(header: &str) -> Result<Self, Self::Err> {
        let mut fields = header.split('-');
        let mut field = |length: usize| {
            fields.next().filter(|text| {
                text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            })
        };
        let version = field(2).ok_or(InvalidTraceparent)?;
        let trace_id = field(32).and_then(|text| u128::from_str_radix(text, 16).ok());
        let parent_id = field(16).and_then(|text| u64::from_str_radix(text, 16).ok());
        let flags = field(2).and_then(|text| u8::from_str_radix(text, 16).ok());
        // Version 00 has exactly four fields; a later version may have more, and ff is forbidden.
        let extra = fields.next().is_some();
        match (trace_id, parent_id, flags) {
            (Some(trace_id), Some(parent_id), Some(flags))
                if trace_id != 0 && parent_id != 0 && version != "ff" && !(version == "00" && extra) =>
            {
                Ok(Self { trace_id, parent_id, flags })
            }
            _ => Err(InvalidTraceparent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_standards_example_survives_a_round_trip() {
        assert_eq!(VALID.parse::<TraceContext>().unwrap().to_string(), VALID);
    }

    #[test]
    fn malformed_headers_are_refused() {
        for header in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        ] {
            assert_eq!(header.parse::<TraceContext>(), Err(InvalidTraceparent), "{header:?}");
        }
    }

    #[test]
    fn a_child_stays_in_the_trace() {
        let parent = TraceContext::start();
        let child = parent.child();
        assert_eq!(parent.trace_id, child.trace_id);
        assert_ne!(parent.parent_id, child.parent_id);
    }
}

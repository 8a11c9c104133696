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

/// A `traceparent` as it is written: fixed in length, so it needs no allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traceparent([u8; 55]);

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

    /// As it is sent. Every request has two of them, so the formatting machinery is left out.
    pub fn to_header(self) -> Traceparent {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let (trace, rest) = text.split_at_mut(35);
        let (span, flags) = rest.split_at_mut(17);
        write_hex(trace, self.trace_id);
        write_hex(span, u128::from(self.parent_id));
        write_hex(flags, u128::from(self.flags));
        Traceparent(text)
    }
}

/// Writes the lowest digits of `number` over the end of `field`, up to the dash before them.
fn write_hex(field: &mut [u8], mut number: u128) {
    for digit in field.iter_mut().rev().take_while(|digit| **digit != b'-') {
        let [lowest, ..] = number.to_le_bytes();
        let value = lowest & 0xf;
        *digit = if value < 10 { b'0' + value } else { b'a' + value - 10 };
        number >>= 4;
    }
}

fn random_span() -> u64 {
    // Trace and span ids need to differ, not to be unguessable; so they cost no system call.
    fastrand::u64(1..)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_header().as_str())
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

// === impl Traceparent ===

impl Traceparent {
    /// The header's value.
    pub fn as_str(&self) -> &str {
        // It holds digits and dashes alone.
        std::str::from_utf8(&self.0).unwrap_or_default()
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
    fn every_field_is_written_in_its_full_width() {
        let smallest = TraceContext { trace_id: 1, parent_id: 2, flags: 0 };
        assert_eq!(smallest.to_header().as_str(), "00-00000000000000000000000000000001-0000000000000002-00");
        let largest = TraceContext { trace_id: u128::MAX, parent_id: u64::MAX, flags: u8::MAX };
        let expected = format!("00-{}-{}-ff", "f".repeat(32), "f".repeat(16));
        assert_eq!(largest.to_string(), expected);
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

//! Whether a candidate is good enough to get more traffic.
//!
//! **Rules.** Too few requests decide nothing. Then more errors than the local placement plus a margin fail it, and so does a
//! 99th percentile above the local one times a factor plus an allowance, because the way to another process is never
//! free.
//!
//! **Odd cases.** At a high weight the local placement sees too little to compare with. Then the errors must keep to the
//! margin by themselves, and latency is not judged; a caller that kept an earlier [`Summary`] of the local
//! placement passes that instead.

use crate::stats::Summary;

/// What a candidate may do worse.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Least number of requests that decide.
    pub minimum: u64,
    /// Errors more than local, in thousandths of the requests.
    pub error_margin_permille: u64,
    /// The 99th percentile relative to local, in percent.
    pub p99_percent: u64,
    /// And what is added to that, in microseconds.
    pub p99_allowance_us: u64,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Good enough.
    Pass,
    /// There were not enough requests yet.
    Wait,
    /// Not good enough, and why.
    Fail(String),
}

/// Compares the candidate with the local placement.
pub fn verdict(candidate: &Summary, local: &Summary, bounds: &Bounds) -> Verdict {
    if candidate.requests < bounds.minimum.max(1) {
        return Verdict::Wait;
    }
    let comparable = local.requests >= bounds.minimum.max(1);
    let permille = |summary: &Summary| summary.errors.saturating_mul(1000) / summary.requests.max(1);
    let (ours, theirs) = (if comparable { permille(local) } else { 0 }, permille(candidate));
    if theirs > ours + bounds.error_margin_permille {
        return Verdict::Fail(format!(
            "{theirs} of 1000 requests fail, {ours} do locally and {} more are allowed",
            bounds.error_margin_permille
        ));
    }
    let most = local.p99_us.saturating_mul(bounds.p99_percent) / 100 + bounds.p99_allowance_us;
    if comparable && candidate.p99_us > most {
        return Verdict::Fail(format!(
            "the 99th percentile is {} µs, {} µs locally and at most {most} µs are allowed",
            candidate.p99_us, local.p99_us
        ));
    }
    Verdict::Pass
}

// === impl Bounds ===

impl Default for Bounds {
    fn default() -> Self {
        Self { minimum: 50, error_margin_permille: 10, p99_percent: 200, p99_allowance_us: 50_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(requests: u64, errors: u64, p99_us: u64) -> Summary {
        Summary { requests, errors, p50_us: 0, p99_us }
    }

    fn judge(candidate: Summary, local: Summary) -> Verdict {
        verdict(&candidate, &local, &Bounds::default())
    }

    #[test]
    fn too_few_requests_decide_nothing() {
        assert_eq!(judge(summary(49, 49, 9), summary(1000, 0, 9)), Verdict::Wait);
    }

    #[test]
    fn a_candidate_within_its_bounds_passes() {
        assert_eq!(judge(summary(1000, 10, 60_000), summary(1000, 0, 5_000)), Verdict::Pass);
    }

    #[test]
    fn more_errors_than_local_and_margin_fail_it_with_the_numbers() {
        let Verdict::Fail(why) = judge(summary(1000, 31, 0), summary(1000, 20, 0)) else { panic!("passed") };
        assert!(why.contains("31 of 1000") && why.contains("20 do locally"), "{why}");
    }

    #[test]
    fn a_slow_candidate_fails() {
        assert!(matches!(judge(summary(100, 0, 60_001), summary(100, 0, 5_000)), Verdict::Fail(_)));
    }

    #[test]
    fn without_local_traffic_errors_still_count() {
        assert_eq!(judge(summary(100, 0, 9_000_000), summary(0, 0, 0)), Verdict::Pass);
        assert!(matches!(judge(summary(100, 2, 0), summary(0, 0, 0)), Verdict::Fail(_)));
    }
}

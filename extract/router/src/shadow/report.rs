//! What a comparison found so far.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::verdict::Verdict;

/// Counts of one module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Samples of which both answers came.
    pub compared: u64,
    /// Samples that found the queue full.
    pub dropped: u64,
    /// Samples whose body was too long, or that the primary did not answer twice.
    pub skipped: u64,
    /// Samples that the candidate did not answer.
    pub unreachable: u64,
    /// By place. At most 256 places; what comes later counts as `other`.
    pub places: BTreeMap<String, Count>,
}

/// How often two answers differed at one place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The primary's and the candidate's.
    pub candidate: u64,
    /// The primary's and the primary's: noise.
    pub noise: u64,
}

const MOST: usize = 256;

// === impl Report ===

impl Report {
    /// Whether the candidate answers as the primary does. Wait until `minimum` samples were compared.
    pub fn verdict(&self, minimum: u64) -> Verdict {
        if self.unreachable > 0 {
            return Verdict::Fail(format!(
                "the candidate did not answer {} copied requests",
                self.unreachable
            ));
        }
        if self.compared < minimum.max(1) {
            return Verdict::Wait;
        }
        match self.mismatches().next() {
            Some((place, count)) => Verdict::Fail(format!(
                "{place} differs in {} of {} answers, {} are noise",
                count.candidate, self.compared, count.noise
            )),
            None => Verdict::Pass,
        }
    }

    /// The places that differ more often than by themselves.
    pub fn mismatches(&self) -> impl Iterator<Item = (&str, Count)> {
        self.places
            .iter()
            .filter(|(_, count)| count.is_mismatch())
            .map(|(place, count)| (place.as_str(), *count))
    }

    pub(super) fn compared(&mut self, differences: BTreeSet<String>, noise: BTreeSet<String>) {
        self.compared += 1;
        for place in differences {
            self.at(place).candidate += 1;
        }
        for place in noise {
            self.at(place).noise += 1;
        }
    }

    fn at(&mut self, place: String) -> &mut Count {
        let known = self.places.len() < MOST || self.places.contains_key(&place);
        self.places.entry(if known { place } else { "other".to_owned() }).or_default()
    }
}

// === impl Count ===

impl Count {
    /// Diffy's relative threshold: more than a fifth beyond noise.
    fn is_mismatch(self) -> bool {
        let (above, all) = (self.candidate.saturating_sub(self.noise), self.candidate + self.noise);
        above * 5 > all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_differs_by_itself_is_no_mismatch() {
        let mut report = Report::default();
        for n in 0..100 {
            let sometimes = if n % 10 == 0 { &["$.time", "$.load"][..] } else { &["$.time"] };
            report.compared(places(&["$.time", "$.load"][..1 + usize::from(n % 9 == 0)]), places(sometimes));
        }
        assert_eq!(report.verdict(100), Verdict::Pass, "{report:?}");
    }

    #[test]
    fn one_real_mismatch_fails_it_by_name() {
        let mut report = Report::default();
        report.compared(places(&[]), places(&[]));
        report.compared(places(&["$.price"]), places(&[]));
        let Verdict::Fail(why) = report.verdict(1) else { panic!("passed") };
        assert_eq!(why, "$.price differs in 1 of 2 answers, 0 are noise");
    }

    #[test]
    fn an_unreachable_shadow_fails_although_nothing_differs() {
        let report = Report { unreachable: 1, compared: 1000, ..Report::default() };
        assert!(matches!(report.verdict(1), Verdict::Fail(_)));
        assert_eq!(Report::default().verdict(0), Verdict::Wait, "nothing compared is no pass");
    }

    #[test]
    fn places_are_bounded() {
        let mut report = Report::default();
        for n in 0..1000 {
            report.compared(places(&[&format!("$.{n}")]), places(&[]));
        }
        assert_eq!(report.places.len(), MOST + 1);
        assert_eq!(report.places["other"].candidate, 1000 - 256);
    }
}

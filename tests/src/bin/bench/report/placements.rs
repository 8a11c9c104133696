//! The second part of the report: the same work in every placement.

use std::fmt::Write as _;

use super::{Bar, cost, latency};
use crate::cases::Case;
use crate::load::Measured;
use crate::placements::{CASES, Placed};

/// So many times the processor time of a checkout at home is one with all modules out, at least.
const LEAST_SAVED: f64 = 5.0;

/// The table.
pub(super) fn write(out: &mut String, placed: &[Placed]) -> std::fmt::Result {
    writeln!(out, "## Modules here and there\n")?;
    writeln!(
        out,
        "The same work by the same server, its modules moved in between with `banyan extract MODULE --spawn --weights 100` and \
         `banyan absorb MODULE`. Clients always ask home. CPU is the processor time of all its processes together for one request, \
         what they do besides included; all of them share the servers' processor. The last column compares it with all at home.\n"
    )?;
    writeln!(out, "| case | connections | modules | /s | p50 | p99 | CPU | CPU ratio |")?;
    writeln!(out, "|---|--:|---|--:|--:|--:|--:|--:|")?;
    for case in CASES {
        let home = placed.first().and_then(|home| home.of(case)).map(Measured::cost);
        for placement in placed {
            let Some((_, connections, measured)) = placement.cases.iter().find(|(known, ..)| *known == case)
            else {
                continue;
            };
            writeln!(
                out,
                "| {} | {connections} | {} | {:.0} | {} | {} | {} | {:.2} |",
                case.name(),
                placement.name(),
                measured.rate(),
                latency(measured.percentile(50)),
                latency(measured.percentile(99)),
                cost(measured.cost()),
                measured.cost() / home.unwrap_or_default(),
            )?;
        }
    }
    writeln!(out)
}

/// Its bars.
pub(super) fn bars(placed: &[Placed]) -> Vec<Bar> {
    let cost = |placement: Option<&Placed>| Some(placement?.of(Case::Checkout)?.cost());
    let (home, out) = (cost(placed.first()), cost(placed.last()));
    let ratio = home.zip(out).map(|(home, out)| out / home);
    let bar = ratio.map(|ratio| Bar {
        what: "CPU of a full checkout: all modules out to all at home".to_owned(),
        bar: format!("≥ {LEAST_SAVED:.0}"),
        measured: format!("{ratio:.2}"),
        met: ratio >= LEAST_SAVED,
    });
    bar.into_iter().collect()
}

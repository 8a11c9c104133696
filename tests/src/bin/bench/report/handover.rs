//! The fourth part of the report: moves of a module with its data.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Bar, latency};
use crate::handover::{Moved, Stretch};

/// Longest pause of all but a hundredth of the switches.
const PAUSE: Duration = Duration::from_millis(100);
/// The greatest pause over the least, of the medians at all sizes.
const FLAT: f64 = 1.5;
/// Least rate of the copy, of the engine's own.
const COPY: f64 = 0.8;
/// Least rate of checkouts during the copy, of before.
const SHOP: f64 = 0.7;

/// The tables.
pub(super) fn write(out: &mut String, moved: &[Moved]) -> std::fmt::Result {
    writeln!(out, "## Handovers\n")?;
    writeln!(
        out,
        "The order module moves with its data between home and a process of its own (`banyan extract order --data move`, `banyan \
         absorb order`, by their HTTP interface), while four people check out all the time; all processes share the servers' \
         processor. The first goes out with a copy and after a comparison of every row; the others go back and forth between \
         stores that follow each other, in which each row that changes is compared. A pause is from the moment in which requests \
         begin to wait to their release.\n"
    )?;
    writeln!(out, "| store | switches | pause p50 | p99 | max | went back | checkouts | failed |")?;
    writeln!(out, "|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for one in moved {
        writeln!(
            out,
            "| {} MiB | {} | {} | {} | {} | {} | {} | {} |",
            one.bytes >> 20,
            one.pauses.len(),
            latency(percentile(&one.pauses, 50)),
            latency(percentile(&one.pauses, 99)),
            latency(percentile(&one.pauses, 100)),
            one.undone.len(),
            one.checkouts,
            one.failed,
        )?;
    }
    writeln!(out, "\nWhere a pause goes, median and longest: by the times in the receipts.\n")?;
    writeln!(out, "| store | those inside leave, seal, last changes, proofs | commit | opening |")?;
    writeln!(out, "|--:|--:|--:|--:|")?;
    for one in moved {
        let [drained, committed, opened] = &one.steps;
        let told = |step: &[Duration]| {
            format!("{}, {}", latency(percentile(step, 50)), latency(percentile(step, 100)))
        };
        let (drained, committed, opened) = (told(drained), told(committed), told(opened));
        writeln!(out, "| {:.0} MiB | {drained} | {committed} | {opened} |", mib(one.bytes))?;
    }
    writeln!(
        out,
        "\nCopies of the store, on the servers' processor, synced to disk in the end. *Alone*: nobody uses the shop; the median of \
         three each. *Beside the load*: with the same four people. `.backup` begins anew with every write, and does not end \
         beside them; the copy of a handover runs at a lower priority there, and requests go first.\n"
    )?;
    writeln!(
        out,
        "| store | alone: copy | sqlite3 .backup | VACUUM INTO | copy rate | of the engine's best | beside the load: copy | VACUUM INTO |"
    )?;
    writeln!(out, "|--:|--:|--:|--:|--:|--:|--:|--:|")?;
    for one in moved {
        let told = |took: Option<Duration>| took.map_or_else(|| "-".to_owned(), latency);
        writeln!(
            out,
            "| {:.0} MiB | {} | {} | {} | {:.0} MiB/s | {:.2} | {} | {} |",
            mib(one.bytes),
            latency(one.alone.copy),
            told(one.alone.backup),
            told(one.alone.vacuum),
            mib(one.bytes) / one.alone.copy.as_secs_f64(),
            one.of_the_engine(),
            latency(one.copy),
            told(one.vacuum),
        )?;
    }
    writeln!(
        out,
        "\nThe shop meanwhile: from the order to the switch, in which the new process starts and the store is copied, followed and \
         compared row by row, summed over some handovers. The two last: of these, while the store was copied, and while the \
         copy caught up and was compared.\n"
    )?;
    writeln!(
        out,
        "| store | lasted | checkouts /s before | during | ratio | copying | catching up, comparing |"
    )?;
    writeln!(out, "|--:|--:|--:|--:|--:|--:|--:|")?;
    for one in moved {
        writeln!(
            out,
            "| {:.0} MiB | {:.1} s | {:.0} | {:.0} | {:.2} | {} | {} |",
            mib(one.bytes),
            one.lasted.as_secs_f64(),
            one.before,
            one.during,
            one.during / one.before,
            part(&one.parts[0]),
            part(&one.parts[1]),
        )?;
    }
    for one in moved.iter().filter(|one| !one.undone.is_empty()) {
        writeln!(out, "\nAt {} MiB went back: {}.", one.bytes >> 20, one.undone.join("; "))?;
    }
    writeln!(out)
}

/// Its bars.
pub(super) fn bars(moved: &[Moved]) -> Vec<Bar> {
    let pauses: Vec<Duration> = moved.iter().flat_map(|one| one.pauses.iter().copied()).collect();
    let p99 = percentile(&pauses, 99);
    let medians: Vec<f64> = moved.iter().map(|one| percentile(&one.pauses, 50).as_secs_f64()).collect();
    let (least, most) =
        (medians.iter().copied().fold(f64::INFINITY, f64::min), medians.iter().copied().fold(0.0, f64::max));
    let least_of = |ratio: fn(&Moved) -> f64| moved.iter().map(ratio).fold(f64::INFINITY, f64::min);
    let failed: u64 = moved.iter().map(|one| one.failed).sum();
    let copy = moved.last().map_or(0.0, Moved::of_the_engine);
    let shop = least_of(|one| one.during / one.before);
    vec![
        Bar {
            what: "handover: 99th percentile of the pauses".to_owned(),
            bar: format!("≤ {} ms", PAUSE.as_millis()),
            measured: latency(p99),
            met: p99 <= PAUSE,
        },
        Bar {
            what: "handover: median pause at one size over that at another".to_owned(),
            bar: format!("≤ {FLAT} (flat)"),
            measured: format!("{:.2}", most / least),
            met: most / least <= FLAT,
        },
        Bar {
            what: "handover: rate of the copy, of the engine's own, at the largest store".to_owned(),
            bar: format!("≥ {COPY}"),
            measured: format!("{copy:.2}"),
            met: copy >= COPY,
        },
        Bar {
            what: "handover: checkouts while the store is copied and compared, of before, at the worst size"
                .to_owned(),
            bar: format!("≥ {SHOP}"),
            measured: format!("{shop:.2}"),
            met: shop >= SHOP,
        },
        Bar {
            what: "handover: requests failed".to_owned(),
            bar: "0".to_owned(),
            measured: failed.to_string(),
            met: failed == 0,
        },
    ]
}

impl Moved {
    /// The copy's rate over the best of the engine's.
    fn of_the_engine(&self) -> f64 {
        let best = self.alone.backup.into_iter().chain(self.alone.vacuum).min();
        best.map_or(0.0, |best| best.as_secs_f64() / self.alone.copy.as_secs_f64())
    }
}

fn part(part: &Stretch) -> String {
    format!("{:.0} /s for {:.1} s", part.rate(), part.lasted.as_secs_f64())
}

fn mib(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes >> 20).unwrap_or(u32::MAX))
}

fn percentile(durations: &[Duration], percent: usize) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

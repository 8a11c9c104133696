//! The report: Markdown, the same on the screen and in the file.

mod handover;
mod placements;
mod router;
mod shop;

use std::fmt::Write as _;
use std::time::Duration;

use kernel::Timestamp;

use crate::handover::Moved;
use crate::load::Plan;
use crate::machine::{Machine, Pinning};
use crate::placements::Placed;
use crate::router::Router;
use crate::shop::Shop;

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) pinning: Pinning,
    pub(crate) plan: Plan,
    pub(crate) shop: Option<Shop>,
    pub(crate) placements: Option<Vec<Placed>>,
    pub(crate) router: Option<Router>,
    pub(crate) handover: Option<Vec<Moved>>,
}

/// A bar and what was measured.
struct Bar {
    what: String,
    bar: String,
    measured: String,
    met: bool,
}

impl Report {
    /// The text.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write(&mut text).unwrap_or_default();
        text
    }

    /// Whether every bar is met.
    pub(crate) fn all_met(&self) -> bool {
        self.bars().iter().all(|bar| bar.met)
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "# Benchmarks\n")?;
        self.write_circumstances(out)?;
        if let Some(shop) = &self.shop {
            shop.write(out)?;
        }
        if let Some(placed) = &self.placements {
            placements::write(out, placed)?;
        }
        if let Some(router) = &self.router {
            router.write(out)?;
        }
        if let Some(moved) = &self.handover {
            handover::write(out, moved)?;
        }
        writeln!(out, "## Bars\n\n| what | bar | measured | |\n|---|--:|--:|---|")?;
        for Bar { what, bar, measured, met } in self.bars() {
            let verdict = if met { "met" } else { "**falls short**" };
            writeln!(out, "| {what} | {bar} | {measured} | {verdict} |")?;
        }
        writeln!(out)?;
        self.shop.as_ref().map_or(Ok(()), |shop| shop.write_footprint(out))
    }

    fn bars(&self) -> Vec<Bar> {
        let shop = self.shop.iter().flat_map(Shop::bars);
        let placements = self.placements.iter().flat_map(|placed| placements::bars(placed));
        let handover = self.handover.iter().flat_map(|moved| handover::bars(moved));
        shop.chain(placements).chain(self.router.iter().flat_map(Router::bars)).chain(handover).collect()
    }

    fn write_circumstances(&self, out: &mut String) -> std::fmt::Result {
        let Machine { processors, model, kernel, file_system } = &self.machine;
        writeln!(
            out,
            "Made by:\n\n```\ncargo run --release -p system-tests --bin bench -- --write docs/benchmarks.md\n```\n"
        )?;
        let today = Timestamp::now().to_string();
        let today = today.split('T').next().unwrap_or_default();
        writeln!(out, "On {today}, {processors} processors ({model}), {kernel}, stores on {file_system}.")?;
        let Plan { rounds, round, warm_up } = self.plan;
        let workers = self.pinning.workers();
        match self.pinning {
            Pinning::Apart => write!(
                out,
                "Every server runs on processor 0 with {workers} worker thread, the load generator on processor 1."
            )?,
            Pinning::None => write!(
                out,
                "Servers ({workers} worker threads) and load generator share all processors: `taskset` or a second processor is missing."
            )?,
        }
        if let Some(shop) = &self.shop {
            write!(
                out,
                " The bare server runs its queries on {} threads: as many as it has connections, with which it reads fastest \
                 (`--bare-threads`).",
                shop.bare_threads
            )?;
        }
        writeln!(
            out,
            " Rounds alternate between what is compared: {rounds} of {round:?} for each case and side, each side after {warm_up:?} of \
             warming up.\n"
        )
    }
}

fn mib(kib: u32) -> f64 {
    f64::from(kib) / 1024.0
}

/// Processor time of one request, given in microseconds.
fn cost(micros: f64) -> String {
    if micros < 1e3 { format!("{micros:.0} µs") } else { format!("{:.1} ms", micros / 1e3) }
}

/// Milliseconds with as many decimals as mean something.
fn latency(latency: Duration) -> String {
    let millis = latency.as_secs_f64() * 1e3;
    if millis < 10.0 { format!("{millis:.2} ms") } else { format!("{millis:.0} ms") }
}

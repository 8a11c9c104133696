//! The first part of the report: Banyan beside bare handlers.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Bar, cost, latency, mib};
use crate::load::Comparison;
use crate::prepare::PRODUCTS;
use crate::seam_call::CALLS;
use crate::shop::Shop;

/// Most resident memory after start, in MiB.
const MOST_MEMORY: f64 = 60.0;
/// Longest time from start to ready on an existing store.
const LONGEST_START: Duration = Duration::from_millis(300);
/// Longest call from module to module in one process.
const LONGEST_CALL: Duration = Duration::from_micros(1);

impl Shop {
    /// The rates.
    pub(super) fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "## The price of the structure\n")?;
        writeln!(
            out,
            "Requests per second of `banyan serve` with everything on (request ids, traces, deadlines, log lines, metrics, \
             entity tags, idempotency, signed cursors, the saga), and of a bare actix-web and diesel handler that runs the \
             same SQL over a copy of the same stores and gives the same bodies. Rates are medians over the rounds; CPU is the \
             server's processor time for one request; a ratio is of the rates, the median over pairs of rounds, with the least \
             and the greatest.\n"
        )?;
        self.write_rates(out)
    }

    /// What it takes of the machine.
    pub(super) fn write_footprint(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "## Footprint\n\n| what | Banyan | bare |\n|---|--:|--:|")?;
        let (banyan, bare) = (self.banyan_memory, self.bare_memory);
        writeln!(
            out,
            "| resident memory after start, {PRODUCTS} products | {:.1} MiB | {:.1} MiB |",
            mib(banyan.started),
            mib(bare.started)
        )?;
        writeln!(
            out,
            "| resident memory after all the load above | {:.1} MiB | {:.1} MiB |",
            mib(banyan.loaded),
            mib(bare.loaded)
        )?;
        writeln!(out, "| start to ready on an existing store | {} | |", self.start_text())?;
        writeln!(out, "| a call from module to module in one process | {} ns | |", self.call.as_nanos())?;
        writeln!(
            out,
            "| size of the program's file, line tables for backtraces included | {} MiB | |\n| size of its code | {:.1} MiB | |\n",
            self.size >> 20,
            mib(self.code)
        )?;
        writeln!(
            out,
            "Starts are of a server with the default settings, each spawned over the same stores and asked for `/readyz` until it \
             answers 200; median of {} with the least and the greatest. A call is the mean of {CALLS} through a handle whose \
             placement can be swapped at any time: one atomic load, one virtual call, one boxed future.\n",
            self.starts.len()
        )
    }

    fn write_rates(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "| case | connections | Banyan /s | p50 | p99 | CPU | bare /s | p50 | p99 | CPU | ratio |"
        )?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|")?;
        for comparison in &self.comparisons {
            let Comparison { case, connections, banyan, bare } = comparison;
            let ratios = comparison.ratios();
            let (least, greatest) = (ratios.first().copied(), ratios.last().copied());
            writeln!(
                out,
                "| {} | {connections} | {:.0} | {} | {} | {} | {:.0} | {} | {} | {} | {:.2} ({:.2}–{:.2}) |",
                case.name(),
                banyan.rate(),
                latency(banyan.percentile(50)),
                latency(banyan.percentile(99)),
                cost(banyan.cost()),
                bare.rate(),
                latency(bare.percentile(50)),
                latency(bare.percentile(99)),
                cost(bare.cost()),
                comparison.ratio(),
                least.unwrap_or_default(),
                greatest.unwrap_or_default(),
            )?;
        }
        writeln!(
            out,
            "\nA full checkout is three requests: open a cart, put an item in, check out and wait until the order is confirmed. \
             The bare handler writes the same events, rows and stock movements in six transactions, one after another; a crash \
             between two of them leaves the order as it is then, and a repeated request buys twice. Banyan's saga notes every \
             step durably, which takes more transactions. What evens that out is that its writes wait in a queue and share \
             commits, while the bare handler's connections wait for SQLite's lock by asking again.\n"
        )
    }

    /// Its bars.
    pub(super) fn bars(&self) -> Vec<Bar> {
        let mut bars = Vec::new();
        for comparison in &self.comparisons {
            let Some(bar) = comparison.case.bar() else { continue };
            let ratio = comparison.ratio();
            bars.push(Bar {
                what: format!("{}: ratio to the bare handler", comparison.case.name()),
                bar: format!("≥ {bar:.1}"),
                measured: format!("{ratio:.2}"),
                met: ratio >= bar,
            });
        }
        let memory = mib(self.banyan_memory.started);
        bars.push(Bar {
            what: "resident memory after start".to_owned(),
            bar: format!("≤ {MOST_MEMORY:.0} MiB"),
            measured: format!("{memory:.1} MiB"),
            met: memory <= MOST_MEMORY,
        });
        bars.push(Bar {
            what: "a call from module to module in one process".to_owned(),
            bar: format!("≤ {} µs", LONGEST_CALL.as_micros()),
            measured: format!("{} ns", self.call.as_nanos()),
            met: self.call <= LONGEST_CALL,
        });
        let start = self.start();
        bars.push(Bar {
            what: "start to ready on an existing store".to_owned(),
            bar: format!("≤ {} ms", LONGEST_START.as_millis()),
            measured: format!("{} ms", start.as_millis()),
            met: start <= LONGEST_START,
        });
        bars
    }

    fn start(&self) -> Duration {
        self.starts.get(self.starts.len() / 2).copied().unwrap_or_default()
    }

    fn start_text(&self) -> String {
        let millis = |start: Option<&Duration>| start.map_or(0, Duration::as_millis);
        format!(
            "{} ms ({}–{})",
            self.start().as_millis(),
            millis(self.starts.first()),
            millis(self.starts.last())
        )
    }
}

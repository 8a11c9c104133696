//! The bench: what Banyan's structure costs beside bare handlers that do the same work without it; what it costs to have modules in
//! other processes; and what its router costs beside other proxies.
//!
//! ```text
//! cargo run --release -p system-tests --bin bench [-- --quick] [-- --part router] [-- --write docs/benchmarks.md]
//! ```
//!
//! | part | role |
//! |---|---|
//! | `shop` | Banyan beside bare handlers |
//! | `placements` | the same work with modules here and there |
//! | `router/` | the router beside nginx and HAProxy |
//! | `handover` | moves of a module with its data |
//! | `prepare` | the shop that is measured, and a copy of it |
//! | `server` | the servers as child processes |
//! | `bare/` | the bare server: this program again, as `bench bare` |
//! | `same` | that both servers answer alike |
//! | `cases` | the requests |
//! | `http`, `load` | the load generator |
//! | `seam_call` | a call between modules |
//! | `machine` | what it runs on |
//! | `report/` | the tables |

#![expect(clippy::float_arithmetic, reason = "rates and ratios are measurements, not money")]

mod bare;
mod cases;
mod handover;
mod http;
mod load;
mod machine;
mod placements;
mod prepare;
mod report;
mod router;
mod same;
mod seam_call;
mod server;
mod shop;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};

use cases::Case;
use load::Plan;
use machine::{Machine, Pinning};
use report::Report;

/// As in Banyan: a comparison of allocators is not wanted.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Banyan beside bare handlers that do the same work, with its modules in other processes, and its router beside other
/// proxies. Prints a Markdown report.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    command: Option<Hidden>,
    /// One short round of each, to see that it works.
    #[arg(long)]
    quick: bool,
    /// Measure this part only. May be given more than once.
    #[arg(long, value_name = "PART", conflicts_with = "write")]
    part: Vec<Part>,
    /// Measure this case only, as for looking at it with a profiler.
    #[arg(long, value_name = "CASE", conflicts_with = "write")]
    only: Option<Case>,
    /// Move stores of this size only, in MiB.
    #[arg(long, value_name = "MIB", conflicts_with = "write")]
    size: Option<u64>,
    /// So many rounds of everything.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Threads on which the bare server runs its queries. Actix's own default is 512.
    #[arg(long, value_name = "N", default_value_t = bare::CONNECTIONS)]
    bare_threads: u32,
    /// Write the report to this file, too.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// What can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Banyan beside bare handlers.
    Shop,
    /// The same work with modules at home and in processes of their own.
    Placements,
    /// The router beside nginx and HAProxy.
    Router,
    /// Moves of a module with its data.
    Handover,
}

#[derive(Debug, Subcommand)]
enum Hidden {
    /// Run the bare server.
    #[command(hide = true)]
    Bare(Bare),
    /// Run the server that the proxies lead to.
    #[command(hide = true)]
    Upstream {
        #[arg(long)]
        listen: String,
    },
}

#[derive(Debug, Args)]
struct Bare {
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    listen: String,
    #[arg(long)]
    workers: usize,
    #[arg(long)]
    threads: usize,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Some(Hidden::Bare(Bare { data, listen, workers, threads })) => {
            return actix_web::rt::System::new().block_on(bare::serve(&data, &listen, workers, threads));
        }
        Some(Hidden::Upstream { listen }) => {
            return actix_web::rt::System::new().block_on(router::upstream::serve(&listen));
        }
        None => {}
    }
    // One thread: the generator must not take more than its own processor.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(measure(&cli))?;
    let text = report.render();
    write!(std::io::stdout(), "{text}")?;
    if let Some(file) = &cli.write {
        std::fs::write(file, &text).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    if !report.all_met() {
        say("some bars are not met");
    }
    Ok(())
}

async fn measure(cli: &Cli) -> anyhow::Result<Report> {
    let plan = if cli.quick {
        Plan { rounds: 1, round: Duration::from_secs(1), warm_up: Duration::from_millis(200) }
    } else {
        Plan { rounds: 5, round: Duration::from_secs(3), warm_up: Duration::from_secs(1) }
    };
    let plan = Plan { rounds: cli.rounds.unwrap_or(plan.rounds), ..plan };
    if cfg!(debug_assertions) {
        say("this is a debug build: its numbers mean nothing");
    }
    let parts = match (cli.part.as_slice(), cli.only) {
        ([], Some(_)) => &[Part::Shop],
        ([], None) => Part::value_variants(),
        (named, _) => named,
    };
    let pinning = Pinning::possible();
    let chosen = |all: &[Case]| -> Vec<Case> {
        all.iter().copied().filter(|case| cli.only.is_none_or(|only| only == *case)).collect()
    };
    let mut report = Report {
        machine: Machine::look(&std::env::temp_dir()),
        pinning,
        plan,
        shop: None,
        placements: None,
        router: None,
        handover: None,
    };
    // First, because it times starts on all processors, before this process keeps to one.
    if parts.contains(&Part::Shop) {
        report.shop = Some(shop::measure(plan, pinning, &chosen(&Case::ALL), cli.bare_threads).await?);
    }
    if parts.contains(&Part::Placements) {
        pinning.generator()?;
        report.placements = Some(
            placements::measure(plan, pinning, &chosen(&placements::CASES)).await.context("placements")?,
        );
    }
    if parts.contains(&Part::Router) {
        pinning.generator()?;
        report.router = Some(router::measure(plan, pinning).await.context("router")?);
    }
    if parts.contains(&Part::Handover) {
        pinning.generator()?;
        report.handover =
            Some(handover::measure(plan, pinning, cli.quick, cli.size).await.context("handover")?);
    }
    Ok(report)
}

/// Says what is going on. Standard output is for the report.
fn say(text: &str) {
    // If standard error is gone there is nobody to tell.
    writeln!(std::io::stderr(), "bench: {text}").unwrap_or_default();
}

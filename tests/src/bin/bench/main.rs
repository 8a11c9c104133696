//! The bench: what Banyan's structure costs, beside bare handlers that do the same work without it.
//!
//! ```text
//! cargo run --release -p system-tests --bin bench [-- --quick] [-- --write docs/benchmarks.md]
//! ```
//!
//! | part | role |
//! |---|---|
//! | `prepare` | the shop that is measured, and a copy of it |
//! | `server` | the two servers as child processes |
//! | `bare/` | the bare server: this program again, as `bench bare` |
//! | `same` | that both servers answer alike |
//! | `cases` | the requests |
//! | `http`, `load` | the load generator |
//! | `seam_call` | a call between modules |
//! | `machine` | what it runs on |
//! | `report` | the table |

#![expect(clippy::float_arithmetic, reason = "rates and ratios are measurements, not money")]

mod bare;
mod cases;
mod http;
mod load;
mod machine;
mod prepare;
mod report;
mod same;
mod seam_call;
mod server;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use cases::Case;
use load::{Plan, Side, compare};
use machine::{Machine, Pinning, resident_kib};
use prepare::{Stock, Stores};
use report::{Memory, Report};
use server::Server;

/// As in Banyan: a comparison of allocators is not wanted.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Starts of a server that are timed.
const STARTS: usize = 5;
/// A server that has just started is left alone so long before its memory is looked at.
const SETTLED: Duration = Duration::from_millis(500);

/// Measures Banyan beside bare handlers that do the same work, and prints a Markdown report.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    command: Option<Hidden>,
    /// One short round of each, to see that it works.
    #[arg(long)]
    quick: bool,
    /// Measure this case only, as for looking at it with a profiler.
    #[arg(long, value_name = "CASE", conflicts_with = "write")]
    only: Option<Case>,
    /// Threads on which the bare server runs its queries. Actix's own default is 512.
    #[arg(long, value_name = "N", default_value_t = bare::CONNECTIONS)]
    bare_threads: u32,
    /// Write the report to this file, too.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Hidden {
    /// Run the bare server.
    #[command(hide = true)]
    Bare(Bare),
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
    if let Some(Hidden::Bare(Bare { data, listen, workers, threads })) = cli.command {
        return actix_web::rt::System::new().block_on(bare::serve(&data, &listen, workers, threads));
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
    if cfg!(debug_assertions) {
        say("this is a debug build: its numbers mean nothing");
    }
    let pinning = Pinning::possible();
    let banyan = system_tests::binary::banyan();
    say("filling a shop");
    let (stores, stock) = Stores::prepare(banyan).await?;
    let machine = Machine::look(&stores.banyan());
    say("timing starts");
    let (starts, started) = time_starts(banyan, &stores.banyan()).await?;
    let call = seam_call::time().await?;

    // From here on servers and generator keep out of each other's way.
    pinning.generator()?;
    let workers = pinning.workers().to_string();
    let settings = [("BANYAN__SERVER__WORKERS", workers.as_str())];
    let server = Server::banyan(banyan, &stores.banyan(), pinning, &settings).await?;
    let bare = Server::bare(&stores.bare(), pinning, cli.bare_threads).await?;
    tokio::time::sleep(SETTLED).await;
    let bare_started = resident_kib(bare.pid())?;
    let cases = cli.only.map_or_else(|| Case::ALL.to_vec(), |case| vec![case]);
    let comparisons = compare_all(plan, &cases, &stock, &server, &bare).await?;
    let report = Report {
        machine,
        pinning,
        plan,
        bare_threads: cli.bare_threads,
        comparisons,
        starts,
        banyan_memory: Memory { started, loaded: resident_kib(server.pid())? },
        bare_memory: Memory { started: bare_started, loaded: resident_kib(bare.pid())? },
        call,
        size: std::fs::metadata(banyan)?.len(),
        code: machine::code_kib(server.pid())?,
    };
    server.stop()?;
    bare.stop()?;
    Ok(report)
}

/// Starts a server with the default settings over an existing store, some times. Gives the times, ascending, and the median of the
/// resident memory in KiB.
async fn time_starts(banyan: &Path, data: &Path) -> anyhow::Result<(Vec<Duration>, u32)> {
    let (mut starts, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let server = Server::banyan(banyan, data, Pinning::None, &[]).await?;
        starts.push(server.start);
        tokio::time::sleep(SETTLED).await;
        memory.push(resident_kib(server.pid())?);
        server.stop()?;
    }
    starts.sort_unstable();
    memory.sort_unstable();
    Ok((starts, memory.get(STARTS / 2).copied().unwrap_or_default()))
}

async fn compare_all(
    plan: Plan,
    cases: &[Case],
    stock: &Stock,
    banyan: &Server,
    bare: &Server,
) -> anyhow::Result<Vec<load::Comparison>> {
    say("comparing answers");
    let [banyan_logins, bare_logins] = same::check(stock, banyan.address(), bare.address()).await?;
    let mut comparisons = Vec::new();
    for case in cases.iter().copied() {
        say(&format!("measuring: {}", case.name()));
        let one = Side {
            pid: banyan.pid(),
            address: banyan.address(),
            scripts: case.scripts(stock, &banyan_logins),
        };
        let other =
            Side { pid: bare.pid(), address: bare.address(), scripts: case.scripts(stock, &bare_logins) };
        let comparison = compare(case, plan, &one, &other).await;
        comparisons.push(comparison.with_context(|| case.name().to_owned())?);
    }
    Ok(comparisons)
}

/// Says what is going on. Standard output is for the report.
fn say(text: &str) {
    // If standard error is gone there is nobody to tell.
    writeln!(std::io::stderr(), "bench: {text}").unwrap_or_default();
}

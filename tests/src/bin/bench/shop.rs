//! The first part: Banyan beside bare handlers that do the same work.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::cases::Case;
use crate::load::{Comparison, Plan, Side, compare};
use crate::machine::{self, Pinning, resident_kib};
use crate::prepare::{Stock, Stores};
use crate::server::Server;
use crate::{same, say, seam_call};

/// Starts of a server that are timed.
const STARTS: usize = 5;
/// A server that has just started is left alone so long before its memory is looked at.
const SETTLED: Duration = Duration::from_millis(500);

/// What one process takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// KiB after start, before any load.
    pub(crate) started: u32,
    /// KiB after all load.
    pub(crate) loaded: u32,
}

/// What was measured.
#[derive(Debug)]
pub(crate) struct Shop {
    /// Threads on which the bare server runs its queries.
    pub(crate) bare_threads: u32,
    pub(crate) comparisons: Vec<Comparison>,
    /// From spawning to ready on an existing store, ascending.
    pub(crate) starts: Vec<Duration>,
    pub(crate) banyan_memory: Memory,
    pub(crate) bare_memory: Memory,
    /// One call through the seam.
    pub(crate) call: Duration,
    /// Bytes of the program's file.
    pub(crate) size: u64,
    /// KiB of its code.
    pub(crate) code: u32,
}

/// Measures these cases. To be called before this process is moved to the generator's processor: starts are timed on all.
pub(crate) async fn measure(
    plan: Plan,
    pinning: Pinning,
    cases: &[Case],
    bare_threads: u32,
) -> anyhow::Result<Shop> {
    let banyan = system_tests::binary::banyan();
    say("filling a shop");
    let (stores, stock) = Stores::prepare(banyan).await?;
    say("timing starts");
    let (starts, started) = time_starts(banyan, &stores.banyan()).await?;
    let call = seam_call::time().await?;

    // From here on servers and generator keep out of each other's way.
    pinning.generator()?;
    let workers = pinning.workers().to_string();
    let settings = [("BANYAN__SERVER__WORKERS", workers.as_str())];
    let server = Server::banyan(banyan, &stores.banyan(), pinning, &settings).await?;
    let bare = Server::bare(&stores.bare(), pinning, bare_threads).await?;
    tokio::time::sleep(SETTLED).await;
    let bare_started = resident_kib(bare.pid())?;
    let comparisons = compare_all(plan, cases, &stock, &server, &bare).await?;
    let shop = Shop {
        bare_threads,
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
    Ok(shop)
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
) -> anyhow::Result<Vec<Comparison>> {
    say("comparing answers");
    let [banyan_logins, bare_logins] = same::check(stock, banyan.address(), bare.address()).await?;
    let mut comparisons = Vec::new();
    for case in cases.iter().copied() {
        say(&format!("measuring: {}", case.name()));
        let one = Side::new("banyan", banyan.pid(), banyan.address(), case.scripts(stock, &banyan_logins))?;
        let other =
            Side::new("the bare server", bare.pid(), bare.address(), case.scripts(stock, &bare_logins))?;
        let comparison = compare(case, plan, [one, other]).await;
        comparisons.push(comparison.with_context(|| case.name().to_owned())?);
    }
    Ok(comparisons)
}

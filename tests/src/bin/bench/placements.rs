//! The second part: the same work with all modules at home, with each taken out, and with all taken out.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::cases::{Case, Script};
use crate::http::Connection;
use crate::load::{Measured, Plan, Side, round};
use crate::machine::{Pinning, family};
use crate::prepare::{Stock, Stores};
use crate::same::log_in;
use crate::say;
use crate::server::{Server, run_banyan};

/// What is measured in every placement.
pub(crate) const CASES: [Case; 4] = [Case::GetProduct, Case::ListProducts, Case::Login, Case::Checkout];
/// Names of the modules that are taken out. The first is all at home, the last is all out.
const PLACEMENTS: [&[&str]; 5] = [&[], &["user"], &["product"], &["order"], &["user", "product", "order"]];
/// Longest until the processes are those of the placement.
const MOVE: Duration = Duration::from_secs(30);
/// How often the processes are counted.
const POLL: Duration = Duration::from_millis(20);

/// What was measured in one placement.
#[derive(Debug)]
pub(crate) struct Placed {
    /// The modules that are out.
    pub(crate) out: &'static [&'static str],
    /// Each case with its connections.
    pub(crate) cases: Vec<(Case, usize, Measured)>,
}

/// Measures every placement once in each round, so that whatever else the machine does meets all of them.
pub(crate) async fn measure(plan: Plan, pinning: Pinning, cases: &[Case]) -> anyhow::Result<Vec<Placed>> {
    let banyan = system_tests::binary::banyan();
    say("filling a shop");
    let (stores, stock) = Stores::prepare(banyan).await?;
    let data = stores.banyan();
    let workers = pinning.workers().to_string();
    // The processes that home starts inherit the setting, and the processor.
    let settings = [("BANYAN__SERVER__WORKERS", workers.as_str())];
    let home = Server::banyan(banyan, &data, pinning, &settings).await?;
    let mut placed: Vec<Placed> =
        PLACEMENTS.into_iter().map(|out| Placed { out, cases: Vec::new() }).collect();
    for number in 1..=plan.rounds {
        for placed in &mut placed {
            say(&format!("round {number}: {}", placed.name()));
            for module in placed.out {
                run_banyan(
                    banyan,
                    &data,
                    &["extract", module, "--spawn", "--weights", "100", "--hold", "0ms"],
                )?;
            }
            wait_for_processes(&home, placed.out.len() + 1).await?;
            placed.measure(plan, &home, &stock, cases).await.with_context(|| placed.name())?;
            bring_back(banyan, &data, placed.out)?;
        }
    }
    home.stop()?;
    Ok(placed)
}

fn bring_back(banyan: &Path, data: &Path, modules: &[&str]) -> anyhow::Result<()> {
    modules.iter().try_for_each(|module| run_banyan(banyan, data, &["absorb", module]))
}

/// Waits until home and the processes that it has started are so many: one that is not needed any more ends a little later.
async fn wait_for_processes(home: &Server, count: usize) -> anyhow::Result<()> {
    let mut tick = tokio::time::interval(POLL);
    let waiting = async {
        while family(home.pid())?.len() != count {
            tick.tick().await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(MOVE, waiting).await.with_context(|| format!("there are not {count} processes"))?
}

// === impl Placed ===

impl Placed {
    /// Its name in the report.
    pub(crate) fn name(&self) -> String {
        match self.out {
            [] => "all at home".to_owned(),
            [one] => format!("{one} out"),
            _ => "all out".to_owned(),
        }
    }

    /// What was measured of a case.
    pub(crate) fn of(&self, case: Case) -> Option<&Measured> {
        self.cases.iter().find(|(measured, ..)| *measured == case).map(|(_, _, measured)| measured)
    }

    /// One round of every case.
    async fn measure(
        &mut self,
        plan: Plan,
        home: &Server,
        stock: &Stock,
        cases: &[Case],
    ) -> anyhow::Result<()> {
        let mut logins = Vec::new();
        let mut connection = Connection::open(home.address()).await?;
        for buyer in &stock.buyers {
            logins.push(log_in(&mut connection, &buyer.email, &buyer.password).await?.1);
        }
        for case in cases.iter().copied() {
            let scripts: Vec<Script> = case.scripts(stock, &logins);
            let connections = scripts.len();
            let side = Side::new(case.name(), home.pid(), home.address(), scripts)?;
            round(&side, plan.warm_up, &mut Measured::default()).await?;
            let known = self.cases.iter_mut().find(|(known, ..)| *known == case);
            if let Some((_, _, measured)) = known {
                round(&side, plan.round, measured).await?;
            } else {
                let mut measured = Measured::default();
                round(&side, plan.round, &mut measured).await?;
                self.cases.push((case, connections, measured));
            }
        }
        Ok(())
    }
}

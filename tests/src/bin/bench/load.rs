//! Rounds of load, the two sides in turn.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::task::JoinSet;

use crate::cases::{Case, Script};
use crate::http::Connection;
use crate::machine::{family, processor_time};

/// Longest that a round may go on after its end.
const OVERTIME: Duration = Duration::from_secs(30);

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Pairs of rounds.
    pub(crate) rounds: u32,
    /// Length of one round.
    pub(crate) round: Duration,
    /// Load on each side before the first round.
    pub(crate) warm_up: Duration,
}

/// One side of a comparison.
pub(crate) struct Side {
    /// Its name, for complaints.
    pub(crate) name: &'static str,
    /// Its processes, whose processor time is counted together.
    pub(crate) processes: Vec<u32>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What each connection does.
    pub(crate) scripts: Vec<Script>,
}

/// What one side did over all rounds.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Per second, of each round.
    pub(crate) rates: Vec<f64>,
    /// Processor time of the server in each round, in microseconds for one request.
    pub(crate) costs: Vec<f64>,
    /// Of every request of every round.
    pub(crate) latencies: Vec<Duration>,
}

/// One case, both sides.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Which.
    pub(crate) case: Case,
    /// Connections at the same time.
    pub(crate) connections: usize,
    /// With the structure.
    pub(crate) banyan: Measured,
    /// Without.
    pub(crate) bare: Measured,
}

/// Measures both sides of a case.
pub(crate) async fn compare(case: Case, plan: Plan, sides: [Side; 2]) -> anyhow::Result<Comparison> {
    let connections = sides.first().map_or(0, |side| side.scripts.len());
    let mut measured = in_turn(plan, &sides).await?.into_iter();
    let (banyan, bare) = measured.next().zip(measured.next()).context("two sides give two results")?;
    Ok(Comparison { case, connections, banyan, bare })
}

/// Measures the sides in turn, so that whatever else the machine does meets all of them.
pub(crate) async fn in_turn(plan: Plan, sides: &[Side]) -> anyhow::Result<Vec<Measured>> {
    let mut measured: Vec<Measured> = sides.iter().map(|_| Measured::default()).collect();
    // What was done while warming up does not count.
    for side in sides {
        round(side, plan.warm_up, &mut Measured::default()).await?;
    }
    for _ in 0..plan.rounds {
        for (side, measured) in sides.iter().zip(&mut measured) {
            round(side, plan.round, measured).await?;
        }
    }
    Ok(measured)
}

/// Loads one side for `length`.
pub(crate) async fn round(side: &Side, length: Duration, measured: &mut Measured) -> anyhow::Result<()> {
    load(side, length, measured).await.context(side.name)
}

async fn load(side: &Side, length: Duration, measured: &mut Measured) -> anyhow::Result<()> {
    let mut clients = JoinSet::new();
    let (began, before) = (Instant::now(), side.processor_time()?);
    for script in &side.scripts {
        clients.spawn(client(side.address, script.clone(), began + length));
    }
    let all = tokio::time::timeout(length + OVERTIME, async {
        let mut latencies = Vec::new();
        while let Some(done) = clients.join_next().await {
            latencies.extend(done??);
        }
        anyhow::Ok(latencies)
    });
    let latencies = all.await.context("a round did not end")??;
    let count = u32::try_from(latencies.len())?;
    measured.rates.push(f64::from(count) / began.elapsed().as_secs_f64());
    let taken = side.processor_time()?.saturating_sub(before);
    measured.costs.push(taken.as_secs_f64() * 1e6 / f64::from(count));
    measured.latencies.extend(latencies);
    Ok(())
}

async fn client(address: SocketAddr, mut script: Script, end: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(address).await?;
    let mut latencies = Vec::with_capacity(1 << 14);
    let mut now = Instant::now();
    while now < end {
        let began = now;
        script.once(&mut connection).await?;
        now = Instant::now();
        latencies.push(now - began);
    }
    Ok(latencies)
}

// === impl Side ===

impl Side {
    /// A server and all processes that it has started.
    pub(crate) fn new(
        name: &'static str,
        pid: u32,
        address: SocketAddr,
        scripts: Vec<Script>,
    ) -> anyhow::Result<Self> {
        Ok(Self { name, processes: family(pid)?, address, scripts })
    }

    fn processor_time(&self) -> anyhow::Result<Duration> {
        self.processes.iter().map(|pid| processor_time(*pid)).sum()
    }
}

// === impl Measured ===

impl Measured {
    /// The median of the rounds' rates.
    pub(crate) fn rate(&self) -> f64 {
        median(&self.rates)
    }

    /// The median of the rounds' costs, in microseconds.
    pub(crate) fn cost(&self) -> f64 {
        median(&self.costs)
    }

    /// The latency that so many of a hundred requests do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(place).copied().unwrap_or_default()
    }
}

// === impl Comparison ===

impl Comparison {
    /// Banyan's rate over the bare server's, of each pair of rounds, ascending.
    pub(crate) fn ratios(&self) -> Vec<f64> {
        let pairs = self.banyan.rates.iter().zip(&self.bare.rates);
        let mut ratios: Vec<f64> = pairs.map(|(banyan, bare)| banyan / bare).collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }

    /// The median of the ratios.
    pub(crate) fn ratio(&self) -> f64 {
        median(&self.ratios())
    }
}

/// The middle value; of two, their mean.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle).copied().unwrap_or_default();
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => upper,
        _ => f64::midpoint(sorted.get(middle - 1).copied().unwrap_or_default(), upper),
    }
}

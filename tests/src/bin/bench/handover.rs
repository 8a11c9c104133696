//! The fourth part: a module moves with its data, under load, at stores of different sizes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use diesel::connection::SimpleConnection as _;
use serde_json::Value;
use system_tests::operator::Desk as Operator;
use tokio::task::JoinSet;

use crate::cases::{Case, Script};
use crate::http::Connection;
use crate::load::Plan;
use crate::machine::Pinning;
use crate::prepare::{Stock, Stores};
use crate::same::log_in;
use crate::say;
use crate::server::Server;

/// What moves: most of a checkout's writes are its.
const MODULE: &str = "order";
/// Sizes of its store, in MiB.
const SIZES: [u64; 3] = [10, 100, 1000];
/// Switches at each: one out with a copy, and from then on back and out again.
const SWITCHES: usize = 50;
/// How often the store is copied, by each way, while nobody else is there.
const COPIES: usize = 3;
/// Rehearsals under load at each size: what is copied and compared meanwhile is part of the rate of checkouts.
const REHEARSALS: [usize; 3] = [8, 4, 1];
/// Longest that one may take.
const LONGEST: Duration = Duration::from_secs(120);
/// How often it is asked how far a handover is.
const POLL: Duration = Duration::from_millis(50);
/// Bytes of a row that fills a store.
const FILLING: usize = 4000;

/// What was measured at one size.
#[derive(Debug)]
pub(crate) struct Moved {
    /// Of the store, in bytes, before the first handover.
    pub(crate) bytes: u64,
    /// How long requests waited, of each switch.
    pub(crate) pauses: Vec<Duration>,
    /// How long each step of the pause took, of each switch that has its receipt: leaving and sealing and draining; the commit;
    /// opening the target.
    pub(crate) steps: [Vec<Duration>; 3],
    /// Copies of the store that nobody else uses: the median of a few.
    pub(crate) alone: Copies,
    /// The base copy, beside the load: the median.
    pub(crate) copy: Duration,
    /// `VACUUM INTO` of the same store beside the same load.
    pub(crate) vacuum: Option<Duration>,
    /// Checkouts a second before.
    pub(crate) before: f64,
    /// From the order to the switch: while the new process starts, the store is copied, followed and compared.
    pub(crate) during: f64,
    /// How long that took in all.
    pub(crate) lasted: Duration,
    /// Of it: while the store was copied, and from then on.
    pub(crate) parts: [Stretch; 2],
    /// Checkouts in all.
    pub(crate) checkouts: u64,
    /// Requests that were not answered as they should be.
    pub(crate) failed: u64,
    /// Switches that went back by themselves, with the reasons.
    pub(crate) undone: Vec<String>,
}

/// A time in which checkouts were counted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stretch {
    pub(crate) lasted: Duration,
    pub(crate) checkouts: u64,
}

/// How long copies of the store took that were synced to disk, without any load.
#[derive(Debug)]
pub(crate) struct Copies {
    /// A handover's base copy.
    pub(crate) copy: Duration,
    /// The `sqlite3` program's `.backup`, if it is there. Beside a load it begins anew with every write, and never ends.
    pub(crate) backup: Option<Duration>,
    /// `VACUUM INTO`.
    pub(crate) vacuum: Option<Duration>,
}

/// People who buy until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    buyers: JoinSet<anyhow::Result<()>>,
}

/// Measures every size.
pub(crate) async fn measure(
    plan: Plan,
    pinning: Pinning,
    quick: bool,
    only: Option<u64>,
) -> anyhow::Result<Vec<Moved>> {
    let mut measured = Vec::new();
    let sizes = SIZES.into_iter().zip(REHEARSALS).take(if quick { 1 } else { SIZES.len() });
    for (size, rehearsals) in sizes.filter(|(size, _)| only.is_none_or(|only| only == *size)) {
        say(&format!("handovers of a store of {size} MiB"));
        let (switches, rehearsals) = if quick { (4, 1) } else { (SWITCHES, rehearsals) };
        let moved = at_size(plan, pinning, size, switches, rehearsals).await;
        measured.push(moved.with_context(|| format!("{size} MiB"))?);
    }
    anyhow::ensure!(!measured.is_empty(), "that size is not measured; these are: {SIZES:?} MiB");
    Ok(measured)
}

async fn at_size(
    plan: Plan,
    pinning: Pinning,
    size: u64,
    switches: usize,
    rehearsals: usize,
) -> anyhow::Result<Moved> {
    let banyan = system_tests::binary::banyan();
    let (stores, stock) = Stores::prepare(banyan).await?;
    let data = stores.banyan();
    let store = data.join(format!("{MODULE}.db"));
    fill(&store, size)?;
    let workers = pinning.workers().to_string();
    let home =
        Server::banyan(banyan, &data, pinning, &[("BANYAN__SERVER__WORKERS", workers.as_str())]).await?;
    let operator = Operator::at(&format!("http://{}", home.address()), &data);
    let elsewhere = format!("sqlite:{}", data.join("moved").join("order.db").display());
    let bytes = std::fs::metadata(&store)?.len();
    let alone = alone(pinning, &operator, &store, &elsewhere).await?;
    let mut load = Load::begin(&home, &stock).await?;
    let before = load.rate_over(plan.warm_up + plan.round).await;
    let vacuum = engine(pinning, &store, "VACUUM INTO").await?;
    let mut prepared = Prepared::default();
    let (mut pauses, mut undone, mut out) = (Vec::new(), Vec::new(), false);
    while pauses.len() < switches && undone.len() < 10 {
        let rehearse = prepared.copies.len() < rehearsals;
        let what = match (rehearse, out) {
            (true, _) => Order::Rehearse,
            (false, false) => Order::Extract,
            (false, true) => Order::Absorb,
        };
        let Resting { ended, parts } = order(&operator, what, &elsewhere, &load.done).await?;
        if let Some(copy) = fact(&ended, "copy_ms").filter(|millis| *millis > 0) {
            prepared.copies.push(Duration::from_millis(copy));
            for (sum, part) in prepared.parts.iter_mut().zip(parts) {
                *sum += part;
            }
        }
        match (rehearse, text(&ended, "state"), fact(&ended, "pause_us")) {
            (true, ..) => {}
            (false, Some("watched"), Some(pause)) => {
                pauses.push(Duration::from_micros(pause));
                out = !out;
            }
            _ => undone.push(text(&ended, "reason").unwrap_or("no reason is known").to_owned()),
        }
    }
    let (checkouts, failed) = load.end().await?;
    let steps = steps(banyan, &data)?;
    home.stop()?;
    Ok(Moved {
        bytes,
        pauses,
        steps,
        alone,
        copy: median(&prepared.copies).context("nothing was copied beside the load")?,
        vacuum,
        before,
        during: prepared.whole().rate(),
        lasted: prepared.whole().lasted,
        parts: [prepared.parts[1], prepared.parts[2]],
        checkouts,
        failed,
        undone,
    })
}

/// Copies the store each way while nobody uses it: the median of a few.
async fn alone(
    pinning: Pinning,
    operator: &Operator,
    store: &Path,
    elsewhere: &str,
) -> anyhow::Result<Copies> {
    let (mut copies, mut backups, mut vacuums) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..COPIES {
        let Resting { ended, .. } =
            order(operator, Order::Rehearse, elsewhere, &AtomicU64::default()).await?;
        copies.extend(fact(&ended, "copy_ms").map(Duration::from_millis));
        backups.extend(engine(pinning, store, ".backup").await?);
        vacuums.extend(engine(pinning, store, "VACUUM INTO").await?);
    }
    Ok(Copies {
        copy: median(&copies).context("nothing was copied")?,
        backup: median(&backups),
        vacuum: median(&vacuums),
    })
}

/// Reads from the receipts how long the steps of each pause took.
fn steps(banyan: &Path, data: &Path) -> anyhow::Result<[Vec<Duration>; 3]> {
    let listed = std::process::Command::new(banyan)
        .args(["receipt", "list", "--json"])
        .current_dir(data)
        .env("BANYAN__DATA__DIRECTORY", data)
        .output()?;
    let mut steps: [Vec<Duration>; 3] = Default::default();
    for line in String::from_utf8(listed.stdout)?.lines() {
        let receipt: Value = serde_json::from_str(line)?;
        let entries = receipt.pointer("/receipt/journal").and_then(Value::as_array).context("no journal")?;
        let at = |state: &str| {
            let entry = entries.iter().rev().find(|entry| text(entry, "state") == Some(state))?;
            entry.get("at")?.as_str()?.parse::<jiff::Timestamp>().ok()
        };
        let times = ["sealing", "drained", "committed", "activated"].map(at);
        for (step, pair) in steps.iter_mut().zip(times.windows(2)) {
            if let [Some(began), Some(ended)] = pair
                && at("activated").is_some()
            {
                step.push(Duration::try_from(ended.duration_since(*began))?);
            }
        }
    }
    Ok(steps)
}

/// What is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Extract,
    Rehearse,
    Absorb,
}

/// A handover that rests or has ended.
struct Resting {
    ended: Value,
    /// Until the copy began; while it was made; until requests began to wait, or it went back.
    parts: [Stretch; 3],
}

/// Gives an order and waits until the handover rests. `done` counts checkouts.
async fn order(operator: &Operator, order: Order, store: &str, done: &AtomicU64) -> anyhow::Result<Resting> {
    let mut parts = [Stretch::default(); 3];
    let (mut since, mut counted) = (Instant::now(), done.load(Ordering::Relaxed));
    let (path, body) = match order {
        Order::Extract | Order::Rehearse => (
            "/_admin/extract",
            serde_json::json!({"module": MODULE, "hold_ms": 0, "max_pause_ms": 2000, "weights": [100], "store": store,
                "rehearse": order == Order::Rehearse}),
        ),
        Order::Absorb => (
            "/_admin/absorb",
            serde_json::json!({"module": MODULE, "hold_ms": 0, "max_pause_ms": 2000, "weights": [0]}),
        ),
    };
    let answer = operator.post(path).json(&body).send().await;
    anyhow::ensure!(answer.status == 202, "{answer}");
    let path = format!("/_admin/handovers/{}", text(&answer.body, "id").unwrap_or_default());
    let mut tick = tokio::time::interval(POLL);
    let resting = async {
        loop {
            tick.tick().await;
            let now = operator.get(&path).send().await.body;
            let state = text(&now, "state").unwrap_or_default().to_owned();
            let part = match state.as_str() {
                "begun" | "prepared" => Some(0),
                "copying" => Some(1),
                "catching_up" | "verified" => Some(2),
                _ => None,
            };
            let (until, count) = (Instant::now(), done.load(Ordering::Relaxed));
            if let Some(part) = part.and_then(|part| parts.get_mut(part)) {
                *part += Stretch { lasted: until - since, checkouts: count - counted };
            }
            (since, counted) = (until, count);
            if ["watched", "standby", "aborted"].contains(&state.as_str()) {
                return now;
            }
        }
    };
    let ended = tokio::time::timeout(LONGEST, resting).await.context("a handover did not come to rest")?;
    Ok(Resting { ended, parts })
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

fn fact(handover: &Value, name: &str) -> Option<u64> {
    handover.get("facts")?.get(name)?.as_u64()
}

fn median(durations: &[Duration]) -> Option<Duration> {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

/// What went on from the order to the switch, over several handovers that copied the store.
#[derive(Default)]
struct Prepared {
    copies: Vec<Duration>,
    parts: [Stretch; 3],
}

impl Prepared {
    fn whole(&self) -> Stretch {
        self.parts.iter().fold(Stretch::default(), |mut whole, part| {
            whole += *part;
            whole
        })
    }
}

impl Stretch {
    /// Checkouts a second.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.checkouts).unwrap_or(u32::MAX)) / self.lasted.as_secs_f64()
    }
}

impl std::ops::AddAssign for Stretch {
    fn add_assign(&mut self, other: Self) {
        self.lasted += other.lasted;
        self.checkouts += other.checkouts;
    }
}

/// Fills the store to about so many MiB, with answers that are kept for idempotency keys.
fn fill(store: &Path, mebibytes: u64) -> anyhow::Result<()> {
    let rows = mebibytes * 1024 * 1024 / u64::try_from(FILLING + 300)?;
    let mut raw = system_tests::raw::open(store);
    raw.batch_execute(&format!(
        "PRAGMA synchronous = OFF; BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO idempotency_keys (id, fingerprint, status, headers, body, expires_at)
         SELECT 'filling-' || i, hex(randomblob(32)), 201, '[]', hex(randomblob({FILLING} / 2)), 9000000000000000 FROM n;
         COMMIT; PRAGMA wal_checkpoint(TRUNCATE);"
    ))?;
    Ok(())
}

/// Lets the `sqlite3` program copy the store, where servers run. `None` if it is not there.
async fn engine(pinning: Pinning, store: &Path, command: &str) -> anyhow::Result<Option<Duration>> {
    let to = store.with_extension("engine");
    let mut program = tokio::process::Command::from(pinning.server("sqlite3".as_ref()));
    let began = Instant::now();
    let ran = program.arg(store).arg(format!("{command} '{}'", to.display())).status();
    let done = tokio::time::timeout(LONGEST, ran).await.with_context(|| format!("{command} does not end"))?;
    let done = done.is_ok_and(|status| status.success());
    if to.exists() {
        // As a backup that counts is: on the disk.
        std::fs::File::open(&to)?.sync_all()?;
    }
    let took = began.elapsed();
    if to.exists() {
        std::fs::remove_file(&to)?;
    }
    Ok(done.then_some(took))
}

// === impl Load ===

impl Load {
    async fn begin(home: &Server, stock: &Stock) -> anyhow::Result<Self> {
        let mut logins = Vec::new();
        let mut connection = Connection::open(home.address()).await?;
        for buyer in &stock.buyers {
            logins.push(log_in(&mut connection, &buyer.email, &buyer.password).await?.1);
        }
        let mut load = Self {
            stop: Arc::default(),
            done: Arc::default(),
            failed: Arc::default(),
            buyers: JoinSet::new(),
        };
        for script in Case::Checkout.scripts(stock, &logins) {
            let (stop, done, failed) =
                (Arc::clone(&load.stop), Arc::clone(&load.done), Arc::clone(&load.failed));
            let address = home.address();
            load.buyers.spawn(async move {
                let mut connection = Connection::open(address).await?;
                let mut script: Script = script;
                while !stop.load(Ordering::Relaxed) {
                    if let Err(error) = script.once(&mut connection).await {
                        say(&format!("a checkout failed: {error:#}"));
                        failed.fetch_add(1, Ordering::Relaxed);
                        connection = Connection::open(address).await?;
                        continue;
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        Ok(load)
    }

    fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    async fn rate_over(&mut self, length: Duration) -> f64 {
        let (began, done) = (Instant::now(), self.done());
        tokio::time::sleep(length).await;
        u32::try_from(self.done() - done).map_or(0.0, f64::from) / began.elapsed().as_secs_f64()
    }

    /// Checkouts, and those that failed.
    async fn end(mut self) -> anyhow::Result<(u64, u64)> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.buyers.join_next().await {
            ended??;
        }
        Ok((self.done(), self.failed.load(Ordering::Relaxed)))
    }
}

//! The fourth part: a module moves with its data, under load, at stores of different sizes.

use std::path::{Path, PathBuf};
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
/// Sizes of its store, in MiB, and switches at each: one out with a copy, and from then on back and out again. Each compares
/// the stores whole, which takes its time at the largest.
const SIZES: [(u64, usize); 3] = [(10, 50), (100, 50), (1000, 12)];
/// Longest that one may take.
const LONGEST: Duration = Duration::from_secs(120);
/// How often it is asked how far a handover is.
const POLL: Duration = Duration::from_millis(5);
/// Bytes of a row that fills a store.
const FILLING: usize = 4000;

/// What was measured at one size.
#[derive(Debug)]
pub(crate) struct Moved {
    /// Of the store, in bytes, before the first handover.
    pub(crate) bytes: u64,
    /// How long requests waited, of each switch.
    pub(crate) pauses: Vec<Duration>,
    /// The base copy, beside the load.
    pub(crate) copy: Duration,
    /// SQLite's own backup of the same store, if the `sqlite3` program is there. Without any load: it begins anew with every
    /// write, and never ends beside one.
    pub(crate) backup: Option<Duration>,
    /// `VACUUM INTO` of the same store beside the same load.
    pub(crate) vacuum: Option<Duration>,
    /// Checkouts a second before.
    pub(crate) before: f64,
    /// While the store was copied and compared.
    pub(crate) during: f64,
    /// Checkouts in all.
    pub(crate) checkouts: u64,
    /// Requests that were not answered as they should be.
    pub(crate) failed: u64,
    /// Switches that went back by themselves, with the reasons.
    pub(crate) undone: Vec<String>,
}

/// People who buy until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    buyers: JoinSet<anyhow::Result<()>>,
}

/// Measures every size.
pub(crate) async fn measure(plan: Plan, pinning: Pinning, quick: bool) -> anyhow::Result<Vec<Moved>> {
    let mut measured = Vec::new();
    for (size, switches) in SIZES.into_iter().take(if quick { 1 } else { SIZES.len() }) {
        say(&format!("handovers of a store of {size} MiB"));
        let switches = if quick { 4 } else { switches };
        measured.push(at_size(plan, pinning, size, switches).await.with_context(|| format!("{size} MiB"))?);
    }
    Ok(measured)
}

async fn at_size(plan: Plan, pinning: Pinning, size: u64, switches: usize) -> anyhow::Result<Moved> {
    let banyan = system_tests::binary::banyan();
    let (stores, stock) = Stores::prepare(banyan).await?;
    let data = stores.banyan();
    let store = data.join(format!("{MODULE}.db"));
    fill(&store, size)?;
    let backup = engine(pinning, &store, &data.join("engine.backup"), ".backup").await?;
    let workers = pinning.workers().to_string();
    let home =
        Server::banyan(banyan, &data, pinning, &[("BANYAN__SERVER__WORKERS", workers.as_str())]).await?;
    let operator = Operator::at(&format!("http://{}", home.address()), &data);
    let mut load = Load::begin(&home, &stock).await?;
    let before = load.rate_over(plan.warm_up + plan.round).await;
    let bytes = std::fs::metadata(&store)?.len();
    let vacuum = engine(pinning, &store, &data.join("engine.vacuum"), "VACUUM INTO").await?;
    let elsewhere = format!("sqlite:{}", data.join("moved").join("order.db").display());
    let (mut moved, mut undone) = (0, Vec::new());
    let mut during = 0.0;
    let mut out = false;
    while moved < switches && undone.len() < 10 {
        let (began, done) = (Instant::now(), load.done());
        let (ended, switching) = order(&operator, if out { "absorb" } else { "extract" }, &elsewhere).await?;
        if moved == 0 && undone.is_empty() {
            // From the order to the switch: copied, brought up to date and compared.
            let took = switching.saturating_duration_since(began).as_secs_f64();
            during = u32::try_from(load.done() - done).map(f64::from)? / took;
        }
        match text(&ended, "reason").filter(|_| text(&ended, "state") != Some("watched")) {
            Some(why) => undone.push(why.to_owned()),
            None => {
                moved += 1;
                out = !out;
            }
        }
    }
    let (checkouts, failed) = load.end().await?;
    let receipts = receipts(banyan, &data)?;
    let last = operator.try_status(MODULE).await.context("no status")?;
    let facts = |receipt: &Value| receipt.pointer("/receipt/handover/facts").cloned().unwrap_or_default();
    let mut all: Vec<Value> = receipts.iter().map(facts).collect();
    all.extend(last.pointer("/handover/facts").cloned());
    let pauses = all.iter().filter(|facts| facts.get("position").is_some_and(|position| !position.is_null()));
    let pauses =
        pauses.filter_map(|facts| facts.get("pause_us")?.as_u64()).map(Duration::from_micros).collect();
    let copies = all.iter().filter_map(|facts| facts.get("copy_ms")?.as_u64()).filter(|took| *took > 0);
    let copy = Duration::from_millis(copies.max().context("nothing was copied")?);
    home.stop()?;
    Ok(Moved { bytes, pauses, copy, backup, vacuum, before, during, checkouts, failed, undone })
}

/// Gives an order and waits until the handover rests. Also gives when requests began to wait, or it went back.
async fn order(operator: &Operator, order: &str, store: &str) -> anyhow::Result<(Value, Instant)> {
    let mut body = serde_json::json!({"module": MODULE, "hold_ms": 0, "max_pause_ms": 2000});
    let more = match order {
        "extract" => serde_json::json!({"weights": [100], "store": store}),
        _ => serde_json::json!({"weights": [0]}),
    };
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    let answer = operator.post(&format!("/_admin/{order}")).json(&body).send().await;
    anyhow::ensure!(answer.status == 202, "{answer}");
    let path = format!("/_admin/handovers/{}", text(&answer.body, "id").unwrap_or_default());
    let mut switching = None;
    let mut tick = tokio::time::interval(POLL);
    let resting = async {
        loop {
            tick.tick().await;
            let now = operator.get(&path).send().await.body;
            let state = text(&now, "state").unwrap_or_default().to_owned();
            if !["begun", "prepared", "copying", "catching_up", "verified"].contains(&state.as_str()) {
                switching.get_or_insert_with(Instant::now);
            }
            if ["watched", "standby", "aborted"].contains(&state.as_str()) {
                return now;
            }
        }
    };
    let ended = tokio::time::timeout(LONGEST, resting).await.context("a handover did not come to rest")?;
    Ok((ended, switching.unwrap_or_else(Instant::now)))
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
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
async fn engine(
    pinning: Pinning,
    store: &Path,
    to: &Path,
    command: &str,
) -> anyhow::Result<Option<Duration>> {
    let mut program = tokio::process::Command::from(pinning.server("sqlite3".as_ref()));
    let began = Instant::now();
    let ran = program.arg(store).arg(format!("{command} '{}'", to.display())).status();
    let done = tokio::time::timeout(LONGEST, ran).await.with_context(|| format!("{command} does not end"))?;
    let done = done.is_ok_and(|status| status.success());
    if to.exists() {
        // As a backup that counts is: on the disk.
        std::fs::File::open(to)?.sync_all()?;
    }
    let took = began.elapsed();
    if to.exists() {
        std::fs::remove_file(to)?;
    }
    Ok(done.then_some(took))
}

fn receipts(banyan: &Path, data: &PathBuf) -> anyhow::Result<Vec<Value>> {
    let listed = std::process::Command::new(banyan)
        .args(["receipt", "list", "--json"])
        .current_dir(data)
        .env("BANYAN__DATA__DIRECTORY", data)
        .output()?;
    let text = String::from_utf8(listed.stdout)?;
    text.lines().map(|line| serde_json::from_str(line).map_err(anyhow::Error::from)).collect()
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

//! The servers as child processes: ended whatever happens.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use system_tests::output::Output;

use crate::http::{Connection, request};
use crate::machine::{Pinning, family};

/// Longest that a server may take until it listens, and until it is ready.
const START: Duration = Duration::from_secs(30);
/// Longest that a server may take to stop.
const STOP: Duration = Duration::from_secs(30);
/// How often readiness is asked for.
const POLL: Duration = Duration::from_millis(1);
/// Every setting's variable begins so.
const VARIABLE_PREFIX: &str = "BANYAN__";

/// A running server.
pub(crate) struct Server {
    child: Option<Child>,
    address: SocketAddr,
    /// From spawning it to the first 200 of `/readyz`.
    pub(crate) start: Duration,
}

/// Runs a command of banyan to its end.
pub(crate) fn run_banyan(program: &Path, data: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    let ended = clean(&mut command, data).args(arguments).stderr(Stdio::piped()).output()?;
    let complaint = String::from_utf8_lossy(&ended.stderr);
    if ended.status.success() {
        Ok(())
    } else {
        Err(anyhow!("banyan {arguments:?}: {}: {}", ended.status, complaint.trim()))
    }
}

impl Server {
    /// Starts `banyan serve` over `data` with no settings but those given.
    pub(crate) async fn banyan(
        program: &Path,
        data: &Path,
        pinning: Pinning,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut command = pinning.server(program.as_os_str());
        clean(&mut command, data).args(["serve", "--listen", "127.0.0.1:0"]).envs(settings.iter().copied());
        Self::start(command).await.context("banyan serve")
    }

    /// Starts this program again as the bare server over `data`.
    pub(crate) async fn bare(data: &Path, pinning: Pinning, threads: u32) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = pinning.server(program.as_os_str());
        command.args(["bare", "--listen", "127.0.0.1:0", "--workers", &pinning.workers().to_string()]);
        command.args(["--threads", &threads.to_string(), "--data"]).arg(data);
        Self::start(command).await.context("the bare server")
    }

    /// Starts this program again as what the proxies lead to, beside the generator.
    pub(crate) async fn upstream() -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["upstream", "--listen", "127.0.0.1:0"]);
        Self::start(command).await.context("the upstream")
    }

    /// Starts a program that says nothing, and waits until it answers at `address`.
    pub(crate) async fn silent(mut command: Command, address: SocketAddr) -> anyhow::Result<Self> {
        let began = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut server = Self { child: Some(child), address, start: START };
        server.wait_until_ready().await?;
        server.start = began.elapsed();
        Ok(server)
    }

    async fn start(mut command: Command) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = Output::default();
        let stdout = child.stdout.take();
        // Made before it listens, so that one that never does is ended like any other.
        let mut server =
            Self { child: Some(child), address: SocketAddr::from(([127, 0, 0, 1], 0)), start: START };
        output.capture(stdout.context("no standard output")?);
        let listening = output.wait_for(START, listening_on);
        server.address = listening.map_err(|missing| anyhow!("it does not listen: {missing:?}"))?;
        server.wait_until_ready().await?;
        server.start = began.elapsed();
        Ok(server)
    }

    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        tokio::time::timeout(START, self.ready()).await.context("it does not become ready")
    }

    async fn ready(&self) {
        let ask = request("GET", "/readyz", "", "");
        let mut tick = tokio::time::interval(POLL);
        loop {
            tick.tick().await;
            let Ok(mut connection) = Connection::open(self.address).await else { continue };
            if connection.exchange(&ask).await.is_ok_and(|response| response.status == 200) {
                return;
            }
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id; 0 once it was stopped.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Asks it to stop and waits for its end.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let pid = Pid::from_child(&child);
        // An error means that it has ended by itself; its status tells.
        let _ended = kill_process(pid, Signal::TERM);
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || send.send(child.wait()));
        match receive.recv_timeout(STOP) {
            Ok(status) => {
                let status = status?;
                if status.success() { Ok(()) } else { Err(anyhow!("the server ended with {status}")) }
            }
            Err(_too_slow) => {
                kill_process(pid, Signal::KILL)?;
                Err(anyhow!("the server did not stop within {STOP:?}"))
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Known before it is gone: nobody knows afterwards whose its children were.
            let descendants = family(child.id()).unwrap_or_default().into_iter().skip(1);
            // Errors mean that they have ended by themselves.
            let _ended = child.kill();
            for pid in descendants.filter_map(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
                let _ended = kill_process(pid, Signal::KILL);
            }
            let _status = child.wait();
        }
    }
}

/// Keeps what somebody has exported, or a file in the current directory, away from banyan. What it logs is thrown away, but it is
/// logged.
fn clean<'a>(command: &'a mut Command, data: &Path) -> &'a mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(VARIABLE_PREFIX) {
            command.env_remove(name);
        }
    }
    command.current_dir(data).env("BANYAN__DATA__DIRECTORY", data).stdin(Stdio::null()).stderr(told())
}

/// The address in the line that says where the server listens.
fn listening_on(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once("listening on http://")?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Where what servers say goes: to the file that `BANYAN_BENCH_LOG` names, to be looked at when something failed, or nowhere.
fn told() -> Stdio {
    let Some(path) = std::env::var_os("BANYAN_BENCH_LOG") else { return Stdio::null() };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    file.map_or_else(|_unwritable| Stdio::null(), Stdio::from)
}

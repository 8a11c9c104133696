//! Nodes that home starts itself, from its own program, on this machine.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use handover::NodeId;

use crate::host::ModuleName;

/// Starts nodes and looks after them.
pub(crate) struct Spawner {
    /// The configuration file that home was started with.
    config: Option<PathBuf>,
    /// Where the nodes' logs go.
    logs: PathBuf,
    children: Mutex<Vec<Spawned>>,
}

struct Spawned {
    node: NodeId,
    child: Child,
    at: Instant,
}

/// A node that dies is started again, but not sooner than this after its last start.
const RESTART_AT_MOST_EVERY: Duration = Duration::from_secs(1);

// === impl Spawner ===

impl Spawner {
    pub(crate) fn new(config: Option<PathBuf>, data: &Path) -> Self {
        Self { config, logs: data.join("nodes"), children: Mutex::default() }
    }

    /// Starts a process that hosts `module`, unless one that was started for the node still runs or was started just now.
    ///
    /// Files are named by the module and, beyond its first instance, by `nth`, which counts from 0.
    pub(crate) fn start(
        &self,
        home: &str,
        node: NodeId,
        module: ModuleName,
        nth: usize,
    ) -> anyhow::Result<()> {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = children.iter_mut().find(|spawned| spawned.node == node) {
            let runs = known.child.try_wait().is_ok_and(|ended| ended.is_none());
            if runs || known.at.elapsed() < RESTART_AT_MOST_EVERY {
                return Ok(());
            }
        }
        children.retain(|spawned| spawned.node != node);
        let name = match nth {
            0 => module.to_string(),
            _ => format!("{module}-{}", nth.saturating_add(1)),
        };
        let child = self
            .command(home, node, module, &name)?
            .spawn()
            .context("the node's process cannot be started")?;
        // For whoever looks after processes on this machine.
        let pid = self.logs.join(format!("{name}.pid"));
        if let Err(error) = std::fs::write(&pid, child.id().to_string()) {
            log::warn!("{} cannot be written: {error}", pid.display());
        }
        log::info!("started process {} as node {node} for the {module} module", child.id());
        children.push(Spawned { node, child, at: Instant::now() });
        Ok(())
    }

    /// Whether this process started the node.
    pub(crate) fn knows(&self, node: NodeId) -> bool {
        let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.iter().any(|spawned| spawned.node == node)
    }

    /// Whether this process started that process of the node, and it has ended since.
    pub(crate) fn has_ended(&self, node: NodeId, pid: u32) -> bool {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        let child = children.iter_mut().find(|spawned| spawned.node == node && spawned.child.id() == pid);
        child.is_some_and(|spawned| spawned.child.try_wait().is_ok_and(|ended| ended.is_some()))
    }

    fn command(&self, home: &str, node: NodeId, module: ModuleName, name: &str) -> anyhow::Result<Command> {
        std::fs::create_dir_all(&self.logs)
            .with_context(|| format!("{} cannot be made", self.logs.display()))?;
        let path = self.logs.join(format!("{name}.log"));
        let log = OpenOptions::new().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("{} cannot be written", path.display()))?;
        let program = std::env::current_exe().context("the program's own file is not known")?;
        let mut command = Command::new(program);
        command.args(["serve", "--modules", module.as_str(), "--home", home]);
        command.args(["--listen", "127.0.0.1:0", "--node-id", node.as_str()]);
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        // In a group of its own: Ctrl-C in home's terminal is for home, which then ends its nodes in order.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        Ok(command)
    }

    /// Collects processes that have ended, so that none is left as a zombie.
    pub(crate) fn reap(&self) {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        for spawned in children.iter_mut() {
            // What has ended is remembered by the child, so asking again later gives the same.
            drop(spawned.child.try_wait());
        }
    }
}

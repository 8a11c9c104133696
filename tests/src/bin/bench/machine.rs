//! What the bench runs on, and keeping the two ends of a connection on processors of their own.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

/// Which processors the servers and the load generator run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pinning {
    /// The servers on the first, the generator on the second.
    Apart,
    /// Wherever the system puts them.
    None,
}

/// The machine, without what would tell whose it is.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Processors that this process may use.
    pub(crate) processors: usize,
    /// Model of the first processor.
    pub(crate) model: String,
    /// Version of the kernel.
    pub(crate) kernel: String,
    /// Type of the file system that holds the stores.
    pub(crate) file_system: String,
}

impl Pinning {
    /// Apart where that is possible.
    pub(crate) fn possible() -> Self {
        let taskset = Command::new("taskset").arg("--version").stdout(Stdio::null()).status();
        let several = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
        if several && taskset.is_ok_and(|status| status.success()) { Self::Apart } else { Self::None }
    }

    /// A command that starts a server where servers belong.
    pub(crate) fn server(self, program: &OsStr) -> Command {
        match self {
            Self::None => Command::new(program),
            Self::Apart => {
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", "0"]).arg(program);
                command
            }
        }
    }

    /// Moves this process where the generator belongs. To be called while it has one thread.
    pub(crate) fn generator(self) -> anyhow::Result<()> {
        if self == Self::Apart {
            let pid = std::process::id().to_string();
            let moved = Command::new("taskset")
                .args(["--all-tasks", "--cpu-list", "--pid", "1", &pid])
                .stdout(Stdio::null())
                .status()?;
            anyhow::ensure!(moved.success(), "taskset: {moved}");
        }
        Ok(())
    }

    /// Threads that take requests in each server.
    pub(crate) fn workers(self) -> usize {
        match self {
            Self::Apart => 1,
            Self::None => std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        }
    }
}

impl Machine {
    /// Looks.
    pub(crate) fn look(stores: &std::path::Path) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = information.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == "model name").then(|| value.trim().to_owned())
        });
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let kernel = kernel.trim().split('-').next().unwrap_or_default().to_owned();
        Self {
            processors,
            model: model.unwrap_or_else(|| "unknown".to_owned()),
            kernel: format!("{} {kernel}", std::env::consts::OS),
            file_system: file_system(stores),
        }
    }
}

/// The type of the file system that `path` lies on: of the longest mount point that it begins with.
fn file_system(path: &std::path::Path) -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
    });
    let over = mounts.filter(|(point, _)| path.starts_with(point));
    let over = over.max_by_key(|(point, _)| point.len());
    over.map_or_else(|| "unknown".to_owned(), |(_, kind)| kind)
}

/// Linux counts processor time in hundredths of a second, whatever the kernel's own tick is.
const TICK: Duration = Duration::from_millis(10);

/// A process and all that descend from it and still run.
pub(crate) fn family(pid: u32) -> anyhow::Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // One that has ended meanwhile is not of interest.
        let Ok(fields) = stat(pid) else { continue };
        let mut fields = fields.split_whitespace();
        if fields.next() != Some("Z") {
            parents.push((pid, fields.next().context("no parent")?.parse::<u32>()?));
        }
    }
    let mut members = vec![pid];
    let mut seen = 0;
    while let Some(parent) = members.get(seen).copied() {
        members.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| child));
        seen += 1;
    }
    Ok(members)
}

/// What `/proc` says of a process behind its name, which may have blanks and brackets in it: the state is first, then the parent.
fn stat(pid: u32) -> anyhow::Result<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    Ok(fields.to_owned())
}

/// Processor time that a process has taken so far: of all its threads, those that have ended too.
pub(crate) fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let fields = stat(pid)?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || anyhow::Ok(fields.next().context("no processor time")?.parse::<u32>()?);
    Ok(TICK * (ticks()? + ticks()?))
}

/// Resident memory of a process, in KiB.
pub(crate) fn resident_kib(pid: u32) -> anyhow::Result<u32> {
    status_kib(pid, "VmRSS:")
}

/// Size of a process's own code, in KiB.
pub(crate) fn code_kib(pid: u32) -> anyhow::Result<u32> {
    status_kib(pid, "VmExe:")
}

fn status_kib(pid: u32, field: &str) -> anyhow::Result<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = status.lines().find_map(|line| line.strip_prefix(field));
    let number = value.and_then(|value| value.split_whitespace().next());
    Ok(number.with_context(|| format!("no {field}"))?.parse()?)
}

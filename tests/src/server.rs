//! A running `banyan serve`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::Client;
use crate::output::Output;

/// Longest that a server may take until it listens.
const START: Duration = Duration::from_secs(30);
/// Longest that a server may take to stop when asked: more than it gives the requests in flight.
const STOP: Duration = Duration::from_secs(60);
/// Every setting's variable begins so.
const VARIABLE_PREFIX: &str = "BANYAN__";

/// How a server is started. Cloned options share the data directory.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    directory: Option<Directory>,
    settings: Vec<(String, String)>,
    arguments: Vec<String>,
    seed: bool,
    /// Where it listens; a free port if not given.
    listen: Option<String>,
    /// Whether modules are taken out as the environment says, for suites that must pass in every placement.
    peels: bool,
}

/// A server process on a port of its own. Dropping it kills the process; when a test is failing, also prints its output.
#[derive(Debug)]
pub struct Server {
    /// `None` once the process has been waited for.
    child: Option<Child>,
    pid: u32,
    base_url: String,
    output: Output,
    options: ServerOptions,
}

#[derive(Debug, Clone)]
enum Directory {
    Given(PathBuf),
    /// Deleted when the last server and the last options with it are gone.
    Temporary(Arc<TempDir>),
}

// === impl ServerOptions ===

impl ServerOptions {
    /// Uses `path` for data instead of a fresh temporary directory.
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(Directory::Given(path.into()));
        self
    }

    /// Sets the environment variable `name`, such as `BANYAN__LOG`.
    pub fn setting(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.push((name.to_owned(), value.into()));
        self
    }

    /// Adds an argument after those of the kit.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Starts with the sample data instead of an empty store.
    pub fn seed(mut self) -> Self {
        self.seed = true;
        self
    }

    /// Listens where a server before it did, so that clients and nodes find it again.
    pub fn listen(mut self, address: &str) -> Self {
        self.listen = Some(address.to_owned());
        self
    }

    /// Takes the modules out of it that `BANYAN_TEST_PEELED` names, once it listens.
    pub fn peeled_as_told(mut self) -> Self {
        self.peels = true;
        self
    }

    fn command(&self, program: &Path, data: &Path) -> Command {
        let mut command = Command::new(program);
        // What a developer has exported, or a banyan.toml in the current directory, must not reach the test.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with(VARIABLE_PREFIX) {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--listen", self.listen.as_deref().unwrap_or("127.0.0.1:0")])
            .args(&self.arguments)
            .current_dir(data)
            .env("BANYAN__DATA__DIRECTORY", data)
            .env("BANYAN__SAMPLE_DATA", self.seed.to_string())
            .envs(self.settings.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

// === impl Server ===

impl Server {
    /// Starts a server with an empty store and waits until it listens. Blocks.
    ///
    /// # Panics
    /// As [`Server::start_with`].
    pub fn start() -> Self {
        Self::start_with(ServerOptions::default())
    }

    /// Starts a server with `options` and waits until it listens. Blocks.
    ///
    /// # Panics
    /// When it ends instead, or does not listen within 30 seconds, showing what it printed.
    pub fn start_with(options: ServerOptions) -> Self {
        Self::start_program(crate::binary::banyan(), options)
    }

    /// As [`Server::start_with`], of another program than the one under test.
    ///
    /// # Panics
    /// As [`Server::start_with`].
    pub fn start_program(program: &Path, mut options: ServerOptions) -> Self {
        let data = options.directory.get_or_insert_with(Directory::temporary).path().to_owned();
        std::fs::create_dir_all(&data).expect("the data directory can be made");
        let mut child = options
            .command(program, &data)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        let output = Output::default();
        output.capture(child.stdout.take().expect("stdout is piped"));
        output.capture(child.stderr.take().expect("stderr is piped"));
        let pid = child.id();
        // Made before it listens, so that a server that never does is killed like any other.
        let mut server = Self { child: Some(child), pid, base_url: String::new(), output, options };
        match server.output.wait_for(START, listening_on) {
            Ok(base_url) => server.base_url = base_url,
            Err(missing) => panic!("the server does not listen: {missing:?} after at most {START:?}"),
        }
        if server.options.peels {
            crate::operator::peel_as_told(&server);
        }
        server
    }

    /// Where it listens, such as `http://127.0.0.1:41573`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Host and port where it listens.
    pub fn address(&self) -> &str {
        self.base_url.trim_start_matches("http://")
    }

    /// A client for it.
    pub fn client(&self) -> Client {
        Client::new(&self.base_url)
    }

    /// Its process id; after its end, the one it had.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its data directory.
    pub fn data_dir(&self) -> &Path {
        self.options.directory.as_ref().map_or(Path::new(""), Directory::path)
    }

    /// The options for starting another server over the same data.
    pub fn options(&self) -> ServerOptions {
        self.options.clone()
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        self.output.text()
    }

    /// Blocks until it has printed `text`.
    ///
    /// # Panics
    /// When `deadline` passes or the process ends before.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str, deadline: Duration) {
        if let Err(missing) = self.output.wait_for(deadline, |log| log.contains(text).then_some(())) {
            panic!("the server did not print {text:?}: {missing:?} after at most {deadline:?}");
        }
    }

    /// Kills it, as a crash would (SIGKILL), and waits for its end. Does nothing when it has ended.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error means that it has ended by itself.
            let _ended = child.kill();
            let _status = child.wait();
        }
    }

    /// Asks it to stop (SIGTERM) and waits for its end. Blocks.
    ///
    /// # Panics
    /// When it has been killed before, or does not end within 60 seconds.
    pub fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the server has not been stopped before");
        let pid = Pid::from_child(&child);
        // An error means that it has ended by itself; its status tells.
        let _ended = kill_process(pid, Signal::TERM);
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || send.send(child.wait()));
        match receive.recv_timeout(STOP) {
            Ok(status) => status.expect("a child can be waited for"),
            Err(_timeout) => {
                let _ended = kill_process(pid, Signal::KILL);
                panic!("the server did not stop within {STOP:?} of SIGTERM")
            }
        }
    }
}

/// What the kit leaves of a home that was killed: nothing.
impl Server {
    /// Process ids of the nodes that it started and that still run.
    pub fn spawned(&self) -> Vec<u32> {
        let files = std::fs::read_dir(self.data_dir().join("nodes")).into_iter().flatten().flatten();
        let files =
            files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == "pid"));
        let pids = files.filter_map(|path| std::fs::read_to_string(path).ok()?.parse().ok());
        // A number may have been given to another process meanwhile.
        let is_node = |pid: &u32| {
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.contains("--node-id")
        };
        pids.filter(is_node).collect()
    }

    /// Process ids of all nodes over its data, also of those that a home before it started.
    pub fn nodes(&self) -> Vec<u32> {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
        let is_node = |pid: &u32| {
            let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let directory = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            line.contains("--node-id") && directory == self.data_dir()
        };
        pids.filter(is_node).collect()
    }

    /// Kills all nodes over its data (SIGKILL).
    pub fn kill_nodes(&self) {
        self.nodes().into_iter().for_each(kill);
    }

    /// Stops the nodes that it started in the middle of whatever they do (SIGSTOP), or lets them go on (SIGCONT).
    pub fn freeze_spawned(&self, frozen: bool) {
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        for pid in self.spawned() {
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
            kill_process(pid, signal).expect("the node runs");
        }
    }

    /// Kills a node that it started, as a crash would (SIGKILL).
    pub fn kill_spawned(&self) {
        self.spawned().into_iter().for_each(kill);
    }

    /// Kills one of them.
    pub fn kill_one_spawned(&self) {
        self.spawned().into_iter().take(1).for_each(kill);
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "this is where the test runner captures a failing test's output")]
    fn drop(&mut self) {
        self.kill();
        if !matches!(self.options.directory, Some(Directory::Temporary(ref shared)) if Arc::strong_count(shared) > 1)
        {
            self.kill_nodes();
        }
        if std::thread::panicking() {
            eprintln!("---- output of server {} ----\n{}----", self.pid, self.log());
        }
    }
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    // An error means that it has ended by itself.
    let _ended = kill_process(pid, Signal::KILL);
}

/// The base URL in the line that says where the server listens.
fn listening_on(log: &str) -> Option<String> {
    let (_, rest) = log.split_once("listening on http://")?;
    Some(format!("http://{}", rest.split_whitespace().next()?))
}

// === impl Directory ===

impl Directory {
    fn temporary() -> Self {
        let directory = TempDir::with_prefix("banyan-data-").expect("a temporary directory can be made");
        Self::Temporary(Arc::new(directory))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(directory) => directory.path(),
        }
    }
}

#[cfg(test)]
mod tests;

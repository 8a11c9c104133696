//! An application that is not Banyan, in a process of its own: Python's own HTTP server.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use system_tests::output::Output;

const SOON: Duration = Duration::from_secs(20);

/// A running program of Python. Dropping it kills the process.
pub struct Python {
    child: Child,
    output: Output,
}

/// The application of `legacy.py`.
pub struct Legacy {
    python: Python,
    pub address: SocketAddr,
}

// === impl Python ===

impl Python {
    /// Starts `python3 ARGUMENTS` in a directory.
    pub fn start(arguments: &[&str], directory: &std::path::Path) -> Self {
        let mut child = Command::new("python3")
            .arg("-u")
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("python3 is installed: tests/run sees to it");
        let output = Output::default();
        output.capture(child.stdout.take().expect("it is piped"));
        output.capture(child.stderr.take().expect("it is piped"));
        Self { child, output }
    }

    /// Waits until it has printed `before` and a number behind that, and gives the number.
    pub fn number_behind(&self, before: &str) -> u16 {
        let number = |log: &str| log.split_once(before)?.1.split_whitespace().next()?.parse().ok();
        let found = self.output.wait_for(SOON, number);
        found.unwrap_or_else(|missing| panic!("no {before:?}: {missing:?}: {}", self.output.text()))
    }

    /// Kills it, as a crash would.
    pub fn kill(&mut self) {
        // An error means that it has ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.kill();
    }
}

// === impl Legacy ===

impl Legacy {
    pub fn start() -> Self {
        Self::start_at(0)
    }

    fn start_at(port: u16) -> Self {
        let program = include_str!("legacy.py");
        let python = Python::start(&["-c", program, &port.to_string()], &std::env::temp_dir());
        let port = python.number_behind("listening on ");
        Self { python, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    pub fn kill(&mut self) {
        self.python.kill();
    }

    /// Starts it again where it listened before.
    pub fn start_again(&mut self) {
        *self = Self::start_at(self.address.port());
    }

    /// Waits until a request hangs in it.
    pub fn wait_until_it_hangs(&self) {
        let hangs = |log: &str| log.contains("hanging").then_some(());
        self.python.output.wait_for(SOON, hangs).expect("a request hangs");
    }
}

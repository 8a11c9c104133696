//! A module in a process of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kernel::store::StoreUrl;
use seam::tokens::ServiceTokens;
use system_tests::output::Output;

/// Longest that a node may take until it listens.
const START: Duration = Duration::from_secs(30);
/// What every node of the suite knows.
const SECRET: [u8; 32] = [42; 32];

/// A running `contract-node`. Dropping it kills the process.
pub struct Node {
    child: Child,
    base: String,
}

/// Tokens of the process under test, in the cluster of its nodes.
pub fn tokens() -> ServiceTokens {
    ServiceTokens::new("contract-suite", &SECRET)
}

// === impl Node ===

impl Node {
    /// Starts the module's node over `store`, and waits until it listens. Blocks.
    pub fn start(module: &str, store: &StoreUrl, placed: bool) -> Self {
        let StoreUrl::Sqlite(path) = store else { panic!("the suite runs on SQLite") };
        let mut child = Command::new(Path::new(env!("CARGO_BIN_EXE_contract-node")))
            .arg(module)
            .arg(path)
            .arg(if placed { "placed" } else { "vacant" })
            .env("CONTRACT_NODE_SECRET", SECRET.map(|byte| format!("{byte:02x}")).concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the node can be started");
        let output = Output::default();
        output.capture(child.stdout.take().expect("stdout is piped"));
        // Made before it listens, so that one that never does is killed like any other.
        let mut node = Self { child, base: String::new() };
        let listens = |text: &str| Some(text.split_once("listening on ")?.1.lines().next()?.to_owned());
        node.base = output.wait_for(START, listens).expect("the node listens");
        node
    }

    /// Where it listens.
    pub fn base(&self) -> &str {
        &self.base
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

//! Orders given to a running home by the command line.

use std::process::Command;

use serde_json::Value;

use crate::client::{Client, Request};
use crate::server::Server;

/// Names the modules that [`peel_as_told`] takes out, joined by commas.
pub const PEELED: &str = "BANYAN_TEST_PEELED";

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// What it said.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

/// An operator who speaks to a server without the command line, for tests that look often. Proves it as the command line
/// does, by the token in the data directory.
#[derive(Debug, Clone)]
pub struct Desk {
    client: Client,
    token: String,
}

// === impl Desk ===

impl Desk {
    /// An operator of a server, and of those after it at the same address.
    ///
    /// # Panics
    /// When the token cannot be read.
    pub fn of(server: &Server) -> Self {
        let token = std::fs::read_to_string(server.data_dir().join("operator.token")).expect("the token");
        Self { client: server.client(), token: token.trim().to_owned() }
    }

    /// An operator of the server at `url`, whose data is in `data`.
    ///
    /// # Panics
    /// When the token cannot be read.
    pub fn at(url: &str, data: &std::path::Path) -> Self {
        let token = std::fs::read_to_string(data.join("operator.token")).expect("the token");
        Self { client: Client::new(url), token: token.trim().to_owned() }
    }

    /// A GET request as the operator.
    pub fn get(&self, path: &str) -> Request {
        self.client.get(path).bearer(&self.token)
    }

    /// A POST request as the operator.
    pub fn post(&self, path: &str) -> Request {
        self.client.post(path).bearer(&self.token)
    }

    /// What the status says of a module; `None` when nobody answers.
    pub async fn try_status(&self, module: &str) -> Option<Value> {
        let answer = self.client.get("/_admin/status").bearer(&self.token).try_send().await.ok()?;
        let modules = answer.body["modules"].as_array()?;
        modules.iter().find(|known| known["name"] == module).cloned()
    }
}

/// Runs `banyan ARGUMENTS` over the server's data. Blocks.
///
/// # Panics
/// When it cannot be started.
pub fn run(server: &Server, arguments: &[&str]) -> Ended {
    let output = Command::new(crate::binary::banyan())
        .args(arguments)
        .current_dir(server.data_dir())
        .env("BANYAN__DATA__DIRECTORY", server.data_dir())
        .output()
        .expect("banyan can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// As [`run`], for a command that must succeed.
///
/// # Panics
/// When it does not.
#[track_caller]
pub fn order(server: &Server, arguments: &[&str]) -> String {
    let ended = run(server, arguments);
    assert_eq!(ended.code, 0, "banyan {arguments:?}: {ended:?}");
    ended.stdout
}

/// What `banyan status --json` says of a module.
///
/// # Panics
/// When it says nothing.
pub fn status(server: &Server, module: &str) -> Value {
    let status: Value = serde_json::from_str(&order(server, &["status", "--json"])).expect("JSON");
    let modules = status["modules"].as_array().expect("modules");
    modules.iter().find(|known| known["name"] == module).expect("the module").clone()
}

/// Takes the modules out of a server that the environment names, so that one suite passes in every placement.
///
/// # Panics
/// When that fails.
pub fn peel_as_told(server: &Server) {
    let told = std::env::var(PEELED).unwrap_or_default();
    for module in told.split(',').filter(|module| !module.is_empty()) {
        order(server, &["extract", module, "--spawn", "--weights", "100", "--hold", "0ms"]);
    }
}

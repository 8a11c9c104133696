//! `banyan`: the shop in one binary.
//!
//! | part | role |
//! |---|---|
//! | `cli` | the command line |
//! | `config` | settings: defaults, `banyan.toml`, `BANYAN__…` variables, flags |
//! | `commands` | one file per command |
//! | `host` | opens the modules and wires them to one another |
//! | `cluster` | what this process is to the others: their home, or a node |
//! | `home` | where modules are placed, and how that changes |
//! | `node` | a process that hosts modules for a home |
//! | `operator` | how commands give orders to a running home |
//! | `gateway` | what every request passes: ids, limits, errors, logs, metrics |
//! | `openapi` | the document and the page to read it |
//! | `exit` | how commands end |
//! | `logging` | how log lines look |

mod bff;
mod cli;
mod cluster;
mod commands;
mod config;
mod exit;
mod figures;
mod gateway;
mod home;
mod host;
mod logging;
mod node;
mod openapi;
mod operator;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

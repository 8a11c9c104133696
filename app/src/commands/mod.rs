//! One file per command.

mod config_check;
mod grant;
mod migrate;
mod openapi;
mod placement;
mod rebuild;
mod receipt;
mod seed;
mod serve;
mod status;

use crate::cli::{Cli, Command, ConfigCommand};
use crate::cluster::Role;
use crate::exit::Failure;

/// Runs the command.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Serve { common, listen, modules, home, node_id } => {
            let role = Role::of(modules, home, node_id)?;
            serve::run(&common, listen, role)
        }
        Command::Status { remote } => status::run(&remote),
        Command::CanExtract { module, remote } => status::can_extract(module, &remote),
        Command::Extract { module, away, remote } => placement::extract(module, away, &remote),
        Command::Absorb { module, back, remote } => placement::absorb(module, back, &remote),
        Command::Rollback { module, max_pause, remote } => placement::rollback(module, max_pause, &remote),
        Command::Complete { module, remote } => placement::complete(module, &remote),
        Command::Receipt(command) => receipt::run(command),
        Command::Seed { common, products } => seed::run(&common, products),
        Command::Migrate { common } => migrate::run(&common),
        Command::Grant { email, role, common } => grant::run(&email, role, &common),
        Command::Rebuild { module, common } => rebuild::run(module, &common),
        Command::Openapi => openapi::run(),
        Command::Config(ConfigCommand::Check { common }) => config_check::run(&common),
    }
}

/// The runtime for background work and everything that is not a request.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    Ok(runtime.map_err(anyhow::Error::from)?)
}

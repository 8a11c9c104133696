//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A shop backend in one binary: user, product and order modules, each over its own store.
///
/// Exit codes: 0 success, 64 wrong command line, 65 damaged or newer store, 69 address or store unavailable, 70 internal fault,
/// 73 cannot create a file, 78 wrong configuration.
#[derive(Debug, Parser)]
#[command(name = "banyan", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the shop. Without any configuration: on ./data, with sample products and demo accounts.
    Serve {
        #[command(flatten)]
        common: Common,
        /// Address to listen on, as in 127.0.0.1:8080; port 0 takes a free one.
        #[arg(long, value_name = "ADDR")]
        listen: Option<String>,
    },
    /// Fill the catalogue with sample products and create the demo accounts.
    Seed {
        #[command(flatten)]
        common: Common,
        /// Products to have in the end.
        #[arg(long, value_name = "N")]
        products: Option<u32>,
    },
    /// Bring every module's store up to date and stop.
    Migrate {
        #[command(flatten)]
        common: Common,
    },
    /// Give an account a staff role: how a shop gets its first operator.
    Grant {
        /// E-mail address of an account that exists.
        email: String,
        /// support, catalog or operator.
        role: kernel::Role,
        #[command(flatten)]
        common: Common,
    },
    /// Make a module's projections anew from its events.
    Rebuild {
        /// Which module's.
        module: Rebuildable,
        #[command(flatten)]
        common: Common,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// Modules that keep events.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Rebuildable {
    /// Lists and lookups of orders.
    Order,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether the configuration is valid, and what it comes to.
    Check {
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Configuration file; ./banyan.toml if there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::host::ModuleName;

/// A shop backend in one binary: user, product and order modules, each over its own store.
///
/// Exit codes: 0 success, 64 wrong command line, 65 damaged or newer store, 69 address or store unavailable, 70 internal fault,
/// 73 cannot create a file, 75 an operation was undone, 76 home refuses, 78 wrong configuration.
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
        /// Host only these modules, as a node of a home: user, product, order, joined by commas.
        #[arg(long, value_name = "MODULES", value_delimiter = ',', requires = "home")]
        modules: Option<Vec<ModuleName>>,
        /// Where the home answers.
        #[arg(long, value_name = "URL", requires = "modules")]
        home: Option<String>,
        /// The node's name, given by a home that starts it.
        #[arg(long, hide = true, requires = "home")]
        node_id: Option<String>,
    },
    /// Say which module runs where, and how it does.
    Status {
        #[command(flatten)]
        remote: Remote,
    },
    /// Say whether a module can be taken out of home, and why not.
    CanExtract {
        /// Which.
        module: ModuleName,
        #[command(flatten)]
        remote: Remote,
    },
    /// Take a module out of home, into a process of its own, over the same store or together with it, while requests go on.
    Extract {
        /// Which.
        module: ModuleName,
        #[command(flatten)]
        away: Away,
        #[command(flatten)]
        remote: Remote,
    },
    /// Bring a module back home, while requests go on.
    Absorb {
        /// Which.
        module: ModuleName,
        #[command(flatten)]
        back: Back,
        #[command(flatten)]
        remote: Remote,
    },
    /// Undo the operation that runs on a module; if none runs, bring the module back at once.
    Rollback {
        /// Which.
        module: ModuleName,
        /// Longest time that requests wait at the switch, if the module's data comes back with it.
        #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
        max_pause: Duration,
        #[command(flatten)]
        remote: Remote,
    },
    /// End the watch after a module moved with its data: the store of before is put aside.
    Complete {
        /// Which.
        module: ModuleName,
        #[command(flatten)]
        remote: Remote,
    },
    /// Look at the records of handovers, also without a running shop.
    #[command(subcommand)]
    Receipt(ReceiptCommand),
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
pub(crate) enum ReceiptCommand {
    /// Say which there are.
    List {
        /// Answer in JSON, one object a line.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Print one.
    Show {
        /// Of which handover.
        id: String,
        #[command(flatten)]
        common: Common,
    },
    /// Check one again: its signature, that it contradicts itself nowhere, and the store that was put aside.
    Verify {
        /// Of which handover.
        id: String,
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether the configuration is valid, and what it comes to.
    Check {
        #[command(flatten)]
        common: Common,
    },
}

/// How a module goes out.
#[derive(Debug, Clone, Args)]
pub(crate) struct Away {
    /// Let home start the process, on this machine.
    #[arg(long, required_unless_present = "to", conflicts_with = "to")]
    pub(crate) spawn: bool,
    /// How many processes home starts; requests are spread over them.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "to")]
    pub(crate) instances: u8,
    /// Where a node that hosts the module and has joined answers. Given several times, requests are spread over the nodes.
    #[arg(long, value_name = "URL")]
    pub(crate) to: Vec<String>,
    /// Keep the store (`shared`), or take it along (`move`).
    #[arg(long, default_value = "shared")]
    pub(crate) data: DataChoice,
    /// Where the store goes, as in sqlite:/srv/order.db. It must not exist yet.
    #[arg(long, value_name = "URL", required_if_eq("data", "move"))]
    pub(crate) store: Option<String>,
    /// Go as far as the switch on live traffic, measure how long requests wait, and go back.
    #[arg(long)]
    pub(crate) rehearse: bool,
    /// Longest time that requests wait at the switch. It goes back by itself when it would take longer.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub(crate) max_pause: Duration,
    /// After the switch, go back by itself if requests fail within this time.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) watch: Duration,
    /// Percent of traffic at the node, step by step.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 50, 100])]
    pub(crate) weights: Vec<u8>,
    /// Least time at each step, as in 500ms, 5s or 2m.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) hold: Duration,
    /// First copy reads to the node for so long and compare the answers; no client sees them.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) shadow: Option<Duration>,
}

/// What becomes of the module's data.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DataChoice {
    /// The store stays where it is; both processes use it.
    Shared,
    /// The store goes along, to where `--store` says.
    Move,
}

/// How a module comes back.
#[derive(Debug, Clone, Args)]
pub(crate) struct Back {
    /// Percent of traffic at the node, step by step.
    #[arg(long, value_delimiter = ',', default_values_t = [50, 10, 0])]
    pub(crate) weights: Vec<u8>,
    /// Least time at each step, as in 500ms, 5s or 2m.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub(crate) hold: Duration,
    /// Longest time that requests wait at the switch, if the module's data comes back with it.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub(crate) max_pause: Duration,
    /// After the switch, if the module's data came back with it, go out again by itself if requests fail within this time.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub(crate) watch: Duration,
}

/// A running home to give orders to.
#[derive(Debug, Clone, Args)]
pub(crate) struct Remote {
    /// Where home answers; if not given, as the data directory says.
    #[arg(long = "at", value_name = "URL")]
    pub(crate) home: Option<String>,
    /// Answer in JSON, one object a line.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) common: Common,
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let wrong = || "must be a whole number with a unit, as in 500ms, 5s or 2m".to_owned();
    let number: u64 = number.parse().map_err(|_error| wrong())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(wrong()),
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Configuration file; ./banyan.toml if there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

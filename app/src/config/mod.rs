//! Settings: defaults, then `banyan.toml`, then `BANYAN__…` variables, then flags. What is unknown or wrong is refused by name.

mod built_in;
mod load;
mod server;

use std::path::PathBuf;

use kernel::store::{StoreSettings, StoreUrl};
use serde::Deserialize;

pub(crate) use load::load;
pub(crate) use server::{Log, LogFormat, Server};

/// All settings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Whether a new store gets sample products and demo accounts. If not set: only when there is no configuration at all.
    pub(crate) sample_data: Option<bool>,
    pub(crate) server: Server,
    pub(crate) data: Data,
    pub(crate) log: Log,
    pub(crate) user: built_in::User,
    pub(crate) product: built_in::Product,
    pub(crate) order: built_in::Order,
    pub(crate) router: Routing,
    pub(crate) testing: Testing,
    /// The file that the settings were read from.
    #[serde(skip)]
    pub(crate) file: Option<PathBuf>,
    /// Whether there was no file and no variable.
    #[serde(skip)]
    pub(crate) untouched: bool,
}

/// Where the modules keep their data.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Data {
    /// Directory of the embedded stores, one file per module.
    pub(crate) directory: PathBuf,
    /// Stores that are elsewhere, by module.
    pub(crate) stores: Stores,
    /// Connections per module for reading.
    pub(crate) connections: u32,
}

/// Store URLs: `sqlite:PATH` or `postgres://…`. A module without one has a file in the data directory.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Stores {
    pub(crate) user: Option<String>,
    pub(crate) product: Option<String>,
    pub(crate) order: Option<String>,
}

/// What else the shop's address leads to, and how many may wait.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Routing {
    /// Foreign applications behind path prefixes.
    pub(crate) prefixes: Vec<router::table::Prefix>,
    /// Most requests that wait for a module while it changes hands.
    pub(crate) waiting: usize,
}

/// Only for tests of this program.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Testing {
    /// Name of a fault point at which the process halts for good.
    pub(crate) halt_at: Option<String>,
    /// Name of a fault point that fails, and how often: `NAME:TIMES`.
    pub(crate) fail_at: Option<String>,
}

impl Default for Data {
    fn default() -> Self {
        Self { directory: PathBuf::from("data"), stores: Stores::default(), connections: 4 }
    }
}

impl Default for Routing {
    fn default() -> Self {
        Self { prefixes: Vec::new(), waiting: router::gate::Limits::default().waiting }
    }
}

impl Config {
    /// Whether a new store gets sample data.
    pub(crate) fn wants_sample_data(&self) -> bool {
        self.sample_data.unwrap_or(self.untouched)
    }

    /// How the control store is opened: a file in the data directory, always.
    pub(crate) fn control_store(&self) -> StoreSettings {
        let url = StoreUrl::Sqlite(self.data.directory.join("control.db"));
        StoreSettings { connections: 1, ..StoreSettings::new(url) }
    }

    /// How the modules' stores are opened, wherever they are.
    pub(crate) fn store_settings(&self) -> StoreSettings {
        StoreSettings { connections: self.data.connections.max(1), ..StoreSettings::nowhere() }
    }

    /// What bounds the router.
    pub(crate) fn router_settings(&self) -> router::Settings {
        let gate = router::gate::Limits { waiting: self.router.waiting, ..router::gate::Limits::default() };
        router::Settings { gate, ..router::Settings::default() }
    }

    /// The foreign applications, as the route table begins.
    pub(crate) fn foreign(&self) -> router::Table {
        router::Table { prefixes: self.router.prefixes.clone(), ..router::Table::default() }
    }

    /// Where the store of `module` is, unless it was moved. A path is absolute: other processes are told it.
    pub(crate) fn store_url(&self, module: &str) -> Result<StoreUrl, String> {
        absolute(self.store_as_named(module)?)
    }

    fn store_as_named(&self, module: &str) -> Result<StoreUrl, String> {
        let named = match module {
            "user" => &self.data.stores.user,
            "product" => &self.data.stores.product,
            _ => &self.data.stores.order,
        };
        match named {
            Some(url) => url.parse().map_err(|error| format!("data.stores.{module}: {error}")),
            None => Ok(StoreUrl::Sqlite(self.data.directory.join(format!("{module}.db")))),
        }
    }
}

/// The same place, whatever the working directory of who reads it.
pub(crate) fn absolute(url: StoreUrl) -> Result<StoreUrl, String> {
    Ok(match url {
        StoreUrl::Sqlite(path) => StoreUrl::Sqlite(
            std::path::absolute(&path).map_err(|error| format!("{}: {error}", path.display()))?,
        ),
        postgres @ StoreUrl::Postgres(_) => postgres,
    })
}

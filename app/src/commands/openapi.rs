//! `banyan openapi`.

use crate::config::Config;
use crate::exit::{Failure, say};
use crate::host::Host;
use crate::openapi;

/// Prints the document.
pub(super) fn run() -> Result<(), Failure> {
    // Routes belong to open modules; so they are opened over stores that nobody else sees.
    let directory = tempfile::tempdir().map_err(anyhow::Error::from)?;
    let mut config = Config::default();
    config.data.directory = directory.path().to_owned();
    let host = Host::open(&config)?;
    let document = openapi::document(&host, true).to_pretty_json().map_err(anyhow::Error::from)?;
    host.close();
    say(&document);
    Ok(())
}

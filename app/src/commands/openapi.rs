//! `banyan openapi`.

use crate::config::Config;
use crate::exit::{Failure, say};
use crate::host::{Host, ModuleName, Places};
use crate::openapi;

/// Prints the document.
pub(super) fn run() -> Result<(), Failure> {
    // Routes belong to open modules; their stores are never needed.
    let host = Host::open_only(&Config::default(), &ModuleName::ALL, &Places::Later)?;
    let document = openapi::document(&host, true).to_pretty_json().map_err(anyhow::Error::from)?;
    say(&document);
    Ok(())
}

//! `banyan migrate`.

use crate::cli::Common;
use crate::exit::{Failure, say};
use crate::host::Host;
use crate::{config, logging};

/// Brings every module's store up to date.
pub(super) fn run(common: &Common) -> Result<(), Failure> {
    let config = config::load(common.config.as_deref())?;
    logging::install(&config.log);
    let host = Host::open(&config)?;
    for module in host.modules() {
        say(&format!("{:<8} is up to date", module.name()));
    }
    host.close();
    Ok(())
}

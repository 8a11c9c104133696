//! `banyan rebuild`.

use crate::cli::{Common, Rebuildable};
use crate::exit::{Failure, say};
use crate::host::Host;
use crate::{config, logging};

/// Makes a module's projections anew from its events.
pub(super) fn run(module: Rebuildable, common: &Common) -> Result<(), Failure> {
    let config = config::load(common.config.as_deref())?;
    logging::install(&config.log);
    let runtime = super::runtime()?;
    let host = Host::open(&config)?;
    let rebuilt = match module {
        Rebuildable::Order => runtime.block_on(host.rebuild_orders()),
    };
    host.close();
    say(&format!("{} orders were made anew from their events.", rebuilt?));
    Ok(())
}

//! `banyan seed`.

use crate::cli::Common;
use crate::exit::{Failure, say};
use crate::host::Host;
use crate::{config, logging};

/// Fills the catalogue and creates the demo accounts.
pub(super) fn run(common: &Common, products: Option<u32>) -> Result<(), Failure> {
    let config = config::load(common.config.as_deref())?;
    logging::install(&config.log);
    let runtime = super::runtime()?;
    let host = Host::open(&config)?;
    let seeded = runtime.block_on(host.seed(products));
    host.close();
    seeded?;
    say("The sample products and the demo accounts are there.");
    Ok(())
}

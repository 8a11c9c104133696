//! `banyan grant`.

use kernel::Role;

use crate::cli::Common;
use crate::exit::{Failure, say};
use crate::host::Host;
use crate::{config, logging};

/// Gives an account a staff role.
pub(super) fn run(email: &str, role: Role, common: &Common) -> Result<(), Failure> {
    let config = config::load(common.config.as_deref())?;
    logging::install(&config.log);
    let runtime = super::runtime()?;
    let host = Host::open(&config)?;
    let granted = runtime.block_on(host.grant(email, role));
    host.close();
    let user = granted?;
    say(&format!("{email} is now {role}; it counts from the next login. ({user})"));
    Ok(())
}

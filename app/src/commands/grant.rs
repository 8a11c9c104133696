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
    let granted = runtime.block_on(host.user()?.service().grant(email, role));
    host.close();
    let user = granted.map_err(anyhow::Error::from)?;
    say(&format!("{email} is now {role}; it counts from the next login. ({})", user.id));
    Ok(())
}

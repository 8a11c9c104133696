//! `banyan config check`.

use crate::cli::Common;
use crate::config;
use crate::exit::{Failure, say};

/// Says whether the configuration is valid, and what it comes to. Opens nothing.
pub(super) fn run(common: &Common) -> Result<(), Failure> {
    let config = config::load(common.config.as_deref())?;
    match &config.file {
        Some(file) => say(&format!("The configuration in {} is valid.", file.display())),
        None => say("There is no configuration file; the defaults and BANYAN__… variables are valid."),
    }
    say(&format!("  listen       {}", config.server.listen));
    for module in ["user", "product", "order"] {
        let store = config.store_url(module).map_err(Failure::Config)?;
        say(&format!("  {module:<12} {store}"));
    }
    say(&format!("  sample data  {}", if config.wants_sample_data() { "yes" } else { "no" }));
    Ok(())
}

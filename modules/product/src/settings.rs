//! What can be set about the module.

use serde::{Deserialize, Serialize};

/// Settings of the product module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seconds between two rounds of releasing holds that ran out. Only tidiness depends on it: a hold that ran out counts as free at once.
    pub sweep_every_seconds: u64,
    /// Most holds that one round releases in one transaction.
    pub sweep_batch: u32,
    /// Days for which a released reservation is remembered, so that a late request to make it is refused.
    pub tombstone_days: u32,
    /// Seconds for which anybody may keep an answer of the public catalogue.
    pub cache_seconds: u32,
    /// Largest file that can be imported, in MiB.
    pub import_limit_mib: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sweep_every_seconds: 15,
            sweep_batch: 100,
            tombstone_days: 7,
            cache_seconds: 60,
            import_limit_mib: 16,
        }
    }
}

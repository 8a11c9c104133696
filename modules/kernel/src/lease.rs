//! Who holds a lease, and since which epoch.
//!
//! A lease keeps processes over one store apart. When the store changes hands it keeps nobody apart any more: whoever held
//! one in an earlier epoch cannot write there. So a lease names its epoch, and one of another epoch is free at once.

use kernel_types::Timestamp;

use crate::store::Store;

/// Names one claim of the process `runner` over `store`, made at `now`.
pub fn holder(store: &Store, runner: &str, now: Timestamp) -> String {
    format!("{}/{runner}:{}", epoch(store), now.micros())
}

/// Matches, with `LIKE`, every claim that counts in the store's epoch.
pub fn of_present(store: &Store) -> String {
    format!("{}/%", epoch(store))
}

/// Matches, with `LIKE`, every claim that counts in the epoch of the claim `holder`.
pub fn of_same_epoch(holder: &str) -> String {
    format!("{}/%", holder.split_once('/').map_or("", |(epoch, _)| epoch))
}

/// Matches, with `LIKE`, every claim of the process `runner`.
pub fn of_runner(runner: &str) -> String {
    format!("%/{runner}:%")
}

fn epoch(store: &Store) -> u64 {
    store.place().map_or(0, |place| place.epoch)
}

//! Which period of ownership of a module's store a process knows of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The epoch of one module as this process knows it. Clones share it; it never falls.
///
/// A stub sends it with every call, and an endpoint answers only calls with its own: so a caller with an old route is
/// told before anything is executed.
#[derive(Debug, Clone)]
pub struct Epoch(Arc<AtomicU64>);

// === impl Epoch ===

impl Epoch {
    /// Begins at `epoch`.
    pub fn new(epoch: u64) -> Self {
        Self(Arc::new(AtomicU64::new(epoch)))
    }

    /// The epoch that is known now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Takes note of `epoch`; a lower one than is known already changes nothing.
    pub fn advance_to(&self, epoch: u64) {
        self.0.fetch_max(epoch, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_never_falls() {
        let epoch = Epoch::new(3);
        let clone = epoch.clone();
        clone.advance_to(5);
        clone.advance_to(4);
        assert_eq!(epoch.get(), 5);
    }
}

//! What callers of a module hold.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use kernel_types::{CallError, Executed};
use tokio::sync::oneshot;

use crate::Contract;

/// A module as its callers see it: something that implements the contract `C`, wherever it runs now.
///
/// Clones share one placement. [`Handle::enter`] is lock-free; [`Handle::place`] swaps the placement at once for every
/// clone, without disturbing calls that already entered the old one.
pub struct Handle<C: ?Sized> {
    slot: Arc<ArcSwapOption<Placement<C>>>,
}

struct Placement<C: ?Sized> {
    target: Arc<C>,
    /// Dropped with the placement, that is when it was swapped out and the last call in it has ended.
    _ended: oneshot::Sender<std::convert::Infallible>,
    ended: parking_spot::Spot<oneshot::Receiver<std::convert::Infallible>>,
}

/// A call in progress: the placement cannot count as drained before this is dropped.
pub struct Entered<C: ?Sized> {
    placement: Arc<Placement<C>>,
}

/// A placement that takes no new calls.
#[must_use = "calls may still be running in it: wait for `drained`"]
pub struct Retired {
    ended: Option<oneshot::Receiver<std::convert::Infallible>>,
}

/// A value that is put once and taken once.
mod parking_spot {
    use std::sync::{Mutex, PoisonError};

    pub(super) struct Spot<T>(Mutex<Option<T>>);

    impl<T> Spot<T> {
        pub(super) fn holding(value: T) -> Self {
            Self(Mutex::new(Some(value)))
        }

        pub(super) fn take(&self) -> Option<T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
        }
    }
}

// === impl Handle ===

impl<C: ?Sized + Contract> Handle<C> {
    /// A handle with nothing placed yet. Modules that call each other are wired by making the handles first.
    pub fn vacant() -> Self {
        Self { slot: Arc::new(ArcSwapOption::empty()) }
    }

    /// A handle to `target`.
    pub fn to(target: Arc<C>) -> Self {
        let handle = Self::vacant();
        drop(handle.place(target));
        handle
    }

    /// From now on calls go to `target`. Gives back the old placement, in which calls may still be running.
    pub fn place(&self, target: Arc<C>) -> Retired {
        let (sender, receiver) = oneshot::channel();
        let placement = Placement { target, _ended: sender, ended: parking_spot::Spot::holding(receiver) };
        Retired::of(self.slot.swap(Some(Arc::new(placement))))
    }

    /// From now on calls are refused.
    pub fn vacate(&self) -> Retired {
        Retired::of(self.slot.swap(None))
    }

    /// Enters the present placement. The call that follows runs there even if the placement is swapped meanwhile.
    ///
    /// # Errors
    /// [`CallError::Unavailable`], not executed, while nothing is placed.
    pub fn enter(&self) -> Result<Entered<C>, CallError<C::Error>> {
        match self.slot.load_full() {
            Some(placement) => Ok(Entered { placement }),
            None => Err(CallError::Unavailable { module: C::MODULE, executed: Executed::No }),
        }
    }
}

impl<C: ?Sized> Clone for Handle<C> {
    fn clone(&self) -> Self {
        Self { slot: Arc::clone(&self.slot) }
    }
}

// === impl Entered ===

impl<C: ?Sized> Deref for Entered<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.placement.target
    }
}

// === impl Retired ===

impl Retired {
    fn of<C: ?Sized>(placement: Option<Arc<Placement<C>>>) -> Self {
        Self { ended: placement.and_then(|placement| placement.ended.take()) }
    }

    /// Waits until the last call in it has ended. `false` if `deadline` came first.
    pub async fn drained(self, deadline: Instant) -> bool {
        match self.ended {
            None => true,
            // The sender is never used, only dropped: an error is the news that the placement is gone.
            Some(ended) => tokio::time::timeout_at(deadline.into(), ended).await.is_ok(),
        }
    }
}

#[cfg(test)]
mod tests;

//! How calls fail, the same for every contract and in every placement.

use std::fmt::Debug;
use std::time::Instant;

use kernel::store::StoreUrl;
use kernel::{CallContext, CallError, Executed};
use seam::{Contract, Handle};

use crate::runner::{EPOCH, Place, Runner, context};

/// Checks the failures that are not the contract's own, with any call of it. Uses up `place`.
pub async fn fails_alike<C>(
    runner: Runner,
    place: Place<C>,
    store: &StoreUrl,
    call: impl AsyncFn(&Handle<C>, CallContext) -> Result<(), CallError<C::Error>>,
) where
    C: ?Sized + Contract,
    C::Error: PartialEq + Debug,
{
    place.faults.calm();
    assert_eq!(call(&place.handle, context()).await, Ok(()));
    refuses_late_calls(&place.handle, &call).await;
    if let Some(epoch) = &place.epoch {
        // The caller has heard of a newer owner than the one it asks.
        epoch.advance_to(EPOCH + 2);
        let misdirected = CallError::Misdirected { module: C::MODULE, owner_epoch: EPOCH };
        assert_eq!(call(&place.handle, context()).await, Err(misdirected));
    }
    let vacant = runner.vacant::<C>(store);
    let unavailable = || CallError::Unavailable { module: C::MODULE, executed: Executed::No };
    assert_eq!(call(&vacant.handle, context()).await, Err(unavailable()));
    drop(vacant);
    // And the same when nothing is placed at the caller.
    assert_eq!(call(&Handle::vacant(), context()).await, Err(unavailable()));
}

/// A call whose deadline has passed is refused unexecuted.
pub async fn refuses_late_calls<C>(
    handle: &Handle<C>,
    call: &impl AsyncFn(&Handle<C>, CallContext) -> Result<(), CallError<C::Error>>,
) where
    C: ?Sized + Contract,
    C::Error: PartialEq + Debug,
{
    let late = CallContext { deadline: Instant::now(), ..context() };
    let timed_out = CallError::TimedOut { module: C::MODULE, executed: Executed::No };
    assert_eq!(call(handle, late).await, Err(timed_out));
}

//! What an error says of a call that may have been executed, and whether it is true.

use std::sync::Arc;
use std::time::Duration;

use kernel::{CallContext, CallError, EventBatch, Executed, ReservationId};
use product_contract::{
    GetVariants, NewestReviews, ProductDetails, ProductError, ProductName, Products, Reserve, ReviewSummary,
    VariantSummary,
};
use seam::faulty::Fault;
use system_tests::engine::TestStore;

use crate::products::{hold, open, reserve, stock, variant};
use crate::runner::Runner;

fn unavailable(executed: Executed) -> CallError<ProductError> {
    CallError::Unavailable { module: "product", executed }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_dropped_had_no_effect_and_the_error_says_so() {
    let store = TestStore::sqlite();
    let module = open(&store);
    let tea = variant(&module, "tea", 5).await;
    let place = Runner::Encoded.place(module.contract(), &store.url());
    place.faults.always(Fault::DropRequest);
    assert_eq!(reserve(&place.handle, &hold(tea, 2)).await, Err(unavailable(Executed::No)));
    assert_eq!(stock(&module, tea).await, (5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_was_dropped_leaves_the_effect_and_the_error_says_maybe() {
    let store = TestStore::sqlite();
    let module = open(&store);
    let tea = variant(&module, "tea", 5).await;
    let place = Runner::Encoded.place(module.contract(), &store.url());
    place.faults.always(Fault::DropReply);
    assert_eq!(reserve(&place.handle, &hold(tea, 2)).await, Err(unavailable(Executed::Maybe)));
    assert_eq!(stock(&module, tea).await, (5, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_takes_too_long_may_have_been_executed() {
    let store = TestStore::sqlite();
    let module = open(&store);
    let tea = variant(&module, "tea", 5).await;
    let place = Runner::Encoded.place(module.contract(), &store.url());
    place.faults.always(Fault::Delay(Duration::from_secs(3600)));
    let context = CallContext::of_module("test", Duration::from_millis(50));
    let outcome = place.handle.enter().unwrap().reserve(context, hold(tea, 2)).await;
    assert_eq!(outcome, Err(CallError::TimedOut { module: "product", executed: Executed::Maybe }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_gone_executed_nothing() {
    let store = TestStore::sqlite();
    let module = open(&store);
    let tea = variant(&module, "tea", 5).await;
    let mut place = Runner::Process.place(module.contract(), &store.url());
    assert_eq!(reserve(&place.handle, &hold(tea, 1)).await, Ok(()));
    place.kill();
    // The first call may still find the old connection; what it says then is honest. Soon nobody is there.
    let gone = system_tests::wait::until(Duration::from_secs(10), "refused connections", async || {
        let outcome = reserve(&place.handle, &hold(tea, 1)).await;
        (outcome == Err(unavailable(Executed::No))).then_some(())
    });
    gone.await;
    assert_eq!(stock(&module, tea).await.1, 1);
}

/// A module that makes a new hold of every request, as one does that is wrongly called idempotent.
struct Forgetful(Arc<dyn Products>);

#[async_trait::async_trait]
impl Products for Forgetful {
    async fn get_variants(
        &self,
        context: CallContext,
        request: GetVariants,
    ) -> Result<Vec<VariantSummary>, CallError<ProductError>> {
        self.0.get_variants(context, request).await
    }

    async fn get_product(
        &self,
        context: CallContext,
        name: ProductName,
    ) -> Result<ProductDetails, CallError<ProductError>> {
        self.0.get_product(context, name).await
    }

    async fn newest_reviews(
        &self,
        context: CallContext,
        request: NewestReviews,
    ) -> Result<Vec<ReviewSummary>, CallError<ProductError>> {
        self.0.newest_reviews(context, request).await
    }

    async fn reserve(&self, context: CallContext, request: Reserve) -> Result<(), CallError<ProductError>> {
        self.0.reserve(context, Reserve { reservation_id: ReservationId::new(), ..request }).await
    }

    async fn commit_reservation(
        &self,
        context: CallContext,
        id: ReservationId,
    ) -> Result<(), CallError<ProductError>> {
        self.0.commit_reservation(context, id).await
    }

    async fn release_reservation(
        &self,
        context: CallContext,
        id: ReservationId,
    ) -> Result<(), CallError<ProductError>> {
        self.0.release_reservation(context, id).await
    }

    async fn take_events(
        &self,
        context: CallContext,
        batch: EventBatch,
    ) -> Result<i64, CallError<ProductError>> {
        self.0.take_events(context, batch).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_method_that_is_not_idempotent_is_found() {
    for (runner, held) in [
        (Runner::Local, 2),
        (Runner::Encoded, 2),
        (Runner::Delayed, 2),
        (Runner::Duplicated, 4),
        (Runner::Dropped, 4),
    ] {
        let store = TestStore::sqlite();
        let module = open(&store);
        let tea = variant(&module, "tea", 9).await;
        let planted: Arc<dyn Products> = Arc::new(Forgetful(module.contract()));
        let place = runner.place(planted, &store.url());
        assert_eq!(reserve(&place.handle, &hold(tea, 2)).await, Ok(()));
        assert_eq!(stock(&module, tea).await, (9, held), "{runner:?}");
    }
}

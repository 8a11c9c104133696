//! Those who bought may say what they think, once.

use std::sync::Arc;

use kernel::store::StoreUrl;
use kernel::{CallContext, CallError, CartId, ProductId, UserId};
use order_contract::{CartSummary, ClaimCart, HasBought, OrderError, Orders};
use product::service::{
    Filter, ProductRef, Rating, ReviewBody, ReviewChange, ReviewDraft, ReviewTitle, Sort,
};
use product::{Error, Service};
use seam::Handle;
use system_tests::on_every_engine;

use super::{context, create, done, draft, open, open_with, slugs};

/// Everybody has bought everything but one.
struct AllBought {
    stranger: UserId,
}

#[async_trait::async_trait]
impl Orders for AllBought {
    async fn has_bought(&self, _: CallContext, question: HasBought) -> Result<bool, CallError<OrderError>> {
        Ok(question.user_id != self.stranger)
    }

    async fn get_cart_summary(
        &self,
        _: CallContext,
        _: UserId,
    ) -> Result<CartSummary, CallError<OrderError>> {
        Ok(CartSummary::default())
    }

    async fn claim_cart(&self, _: CallContext, _: ClaimCart) -> Result<CartId, CallError<OrderError>> {
        Err(OrderError::CartNotFound.into())
    }
}

fn review(stars: i64) -> ReviewDraft {
    ReviewDraft {
        rating: Rating::parse(stars).unwrap(),
        title: ReviewTitle::parse("").unwrap(),
        body: ReviewBody::parse("Fine.").unwrap(),
    }
}

async fn say(service: &Service, user: UserId, product: ProductId, stars: i64) -> Result<(), Error> {
    service.create_review(context(), user, product, review(stars), None, done).await.map(drop)
}

async fn rating(service: &Service, product: ProductId) -> (i64, i64, i32) {
    let page = service.product_page(ProductRef::Id(product)).await.unwrap().product;
    (page.rating_sum, page.rating_count, page.rating_hundredths)
}

on_every_engine! {
    async fn only_buyers_review_and_each_once(url: StoreUrl) {
        let stranger = UserId::new();
        let module = open_with(&url, Handle::to(Arc::new(AllBought { stranger })));
        let service = module.service();
        let tea = create(service, draft("tea", "Tea", 1)).await;
        let buyer = UserId::new();
        assert!(matches!(say(service, stranger, tea, 5).await, Err(Error::ReviewNotAllowed)));
        say(service, buyer, tea, 5).await.unwrap();
        assert!(matches!(say(service, buyer, tea, 1).await, Err(Error::AlreadyReviewed)));
        assert!(matches!(say(service, buyer, ProductId::new(), 1).await, Err(Error::ProductNotFound)));
        assert_eq!(rating(service, tea).await, (5, 1, 500));
    }

    async fn ratings_follow_every_change_of_a_review(url: StoreUrl) {
        let module = open_with(&url, Handle::to(Arc::new(AllBought { stranger: UserId::new() })));
        let service = module.service();
        let tea = create(service, draft("tea", "Tea", 1)).await;
        create(service, draft("pot", "Pot", 1)).await;
        let (ada, bob) = (UserId::new(), UserId::new());
        say(service, ada, tea, 5).await.unwrap();
        say(service, bob, tea, 2).await.unwrap();
        assert_eq!(rating(service, tea).await, (7, 2, 350));
        let page = service.reviews(tea, None, 1, |_| "next".into()).await.unwrap();
        assert!(page.page.has_more && page.data[0].user_id == bob, "the newest first");
        let of_bob = page.data[0].id;
        let better = || ReviewChange { rating: Some(Rating::parse(4).unwrap()), ..ReviewChange::default() };
        assert!(matches!(service.change_review(ada, of_bob, better()).await, Err(Error::ReviewNotFound)));
        service.change_review(bob, of_bob, better()).await.unwrap();
        assert_eq!(rating(service, tea).await, (9, 2, 450));
        let well_rated = Filter { rating_from: Some(450), ..Service::everything_on_sale() };
        assert_eq!(slugs(service, &well_rated, Sort::BestRated, 1).await, ["tea"]);
        assert_eq!(slugs(service, &Service::everything_on_sale(), Sort::BestRated, 1).await, ["tea", "pot"]);
        assert!(matches!(service.delete_review(ada, of_bob).await, Err(Error::ReviewNotFound)));
        service.delete_review(bob, of_bob).await.unwrap();
        assert_eq!(rating(service, tea).await, (5, 1, 500));
        say(service, bob, tea, 1).await.unwrap();
        assert_eq!(rating(service, tea).await, (6, 2, 300));
    }

    async fn without_the_order_module_nobody_can_review(url: StoreUrl) {
        let module = open(&url);
        let tea = create(module.service(), draft("tea", "Tea", 1)).await;
        let refused = say(module.service(), UserId::new(), tea, 5).await;
        assert!(matches!(refused, Err(Error::Orders(_))));
    }
}

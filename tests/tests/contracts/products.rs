//! The contract of the product module.

use std::time::Duration;

use actix_web::http::StatusCode;
use kernel::idempotency::Answer;
use kernel::store::StoreSettings;
use kernel::{
    CallError, Currency, Event, EventBatch, Money, OrderId, ProductId, ReservationId, Timestamp, UserId,
    VariantId,
};
use order_contract::{ORDER_CONFIRMED, OrderConfirmed};
use product::service::draft::{ProductDraft, VariantDraft};
use product::service::{Description, Name, ProductStatus, Sku, Slug, Stock, VariantName, VariantStatus};
use product::{Needs, ProductModule, Settings};
use product_contract::{
    GetVariants, NewestReviews, ProductError, ProductName, Products, Reserve, ReserveLine, Shortage,
};
use seam::Handle;
use system_tests::engine::TestStore;

use crate::alike;
use crate::runner::{Runner, context, under_every_runner};

under_every_runner!(stock_is_held_and_leaves_once);

async fn stock_is_held_and_leaves_once(runner: Runner) {
    let store = TestStore::sqlite();
    let module = open(&store);
    let tea = variant(&module, "tea", 5).await;
    let place = runner.place(module.contract(), &store.url());
    let products = &place.handle;

    let found = get(products, vec![tea, VariantId::new()]).await.unwrap();
    let direct = module.contract().get_variants(context(), ask(vec![tea])).await.unwrap();
    assert_eq!((found.len(), &found), (1, &direct));
    assert_eq!((found[0].price, found[0].available), (Some(Money::new(1_000, Currency::EUR)), 5));
    let too_many = get(products, vec![tea; 101]).await;
    assert!(matches!(&too_many, Err(CallError::Refused(ProductError::Invalid { .. }))), "{too_many:?}");
    assert_eq!(too_many, module.contract().get_variants(context(), ask(vec![tea; 101])).await);

    let entered = products.enter().unwrap();
    let details = entered.get_product(context(), ProductName("tea".to_owned())).await.unwrap();
    assert_eq!(
        details.variants.iter().map(|variant| (variant.id, variant.available)).collect::<Vec<_>>(),
        [(tea, 5)]
    );
    let by_id = entered.get_product(context(), ProductName(details.id.to_string())).await;
    assert_eq!(by_id, Ok(details));
    for name in ["coffee", "Not a name"] {
        let (name, none) = (ProductName(name.to_owned()), CallError::Refused(ProductError::NotFound));
        assert_eq!(entered.get_product(context(), name.clone()).await, Err(none.clone()));
        let reviews = NewestReviews { product: name, limit: 5 };
        assert_eq!(entered.newest_reviews(context(), reviews).await, Err(none));
    }
    let reviews = |limit| NewestReviews { product: ProductName("tea".to_owned()), limit };
    assert_eq!(entered.newest_reviews(context(), reviews(20)).await, Ok(Vec::new()));
    for limit in [0, 21] {
        let refused = entered.newest_reviews(context(), reviews(limit)).await;
        assert!(matches!(&refused, Err(CallError::Refused(ProductError::Invalid { .. }))), "{refused:?}");
    }

    let shortages = vec![Shortage { variant_id: tea, requested: 6, available: 5 }];
    let short = CallError::Refused(ProductError::InsufficientStock { shortages });
    assert_eq!(reserve(products, &hold(tea, 6)).await, Err(short));
    assert_eq!(stock(&module, tea).await, (5, 0));

    let request = hold(tea, 2);
    let id = request.reservation_id;
    for _ in 0..2 {
        assert_eq!(reserve(products, &request).await, Ok(()));
        assert_eq!(stock(&module, tea).await, (5, 2));
    }
    for _ in 0..2 {
        assert_eq!(commit(products, id).await, Ok(()));
        assert_eq!(stock(&module, tea).await, (3, 0));
    }
    for _ in 0..2 {
        assert_eq!(release(products, id).await, Ok(()));
        assert_eq!(stock(&module, tea).await, (5, 0));
    }
    let gone = Err(CallError::Refused(ProductError::ReservationGone));
    assert_eq!(
        (commit(products, id).await, commit(products, ReservationId::new()).await),
        (gone.clone(), gone)
    );
    assert_eq!(movements(&module, tea).await, [2, -2, 5]);

    let (buyer, bought) = (UserId::new(), ProductId::new());
    let told = batch(1, buyer, bought);
    for _ in 0..2 {
        assert_eq!(products.enter().unwrap().take_events(context(), told.clone()).await, Ok(1));
    }
    let unreadable =
        EventBatch { events: vec![Event { data: "{}".into(), ..told.events[0].clone() }], ..told };
    let unreadable = EventBatch { source: "elsewhere".into(), ..unreadable };
    let refused = products.enter().unwrap().take_events(context(), unreadable.clone()).await;
    assert!(matches!(&refused, Err(CallError::Refused(ProductError::Invalid { .. }))), "{refused:?}");
    assert_eq!(refused, module.contract().take_events(context(), unreadable).await);

    alike::fails_alike(runner, place, &store.url(), async |products, context| {
        products.enter()?.get_variants(context, ask(vec![tea])).await.map(drop)
    })
    .await;
}

fn batch(sequence: i64, user_id: UserId, product_id: ProductId) -> EventBatch {
    let order_id = OrderId::new();
    let data = OrderConfirmed { order_id, user_id, product_ids: vec![product_id] };
    let event = Event {
        sequence,
        aggregate: order_id.to_string(),
        kind: ORDER_CONFIRMED.to_owned(),
        data: serde_json::to_string(&data).unwrap(),
        at: Timestamp::now(),
    };
    EventBatch { source: "order".to_owned(), events: vec![event] }
}

type Outcome<T> = Result<T, CallError<ProductError>>;

pub async fn reserve(products: &Handle<dyn Products>, request: &Reserve) -> Outcome<()> {
    products.enter()?.reserve(context(), request.clone()).await
}

async fn commit(products: &Handle<dyn Products>, id: ReservationId) -> Outcome<()> {
    products.enter()?.commit_reservation(context(), id).await
}

async fn release(products: &Handle<dyn Products>, id: ReservationId) -> Outcome<()> {
    products.enter()?.release_reservation(context(), id).await
}

pub async fn get(
    products: &Handle<dyn Products>,
    ids: Vec<VariantId>,
) -> Outcome<Vec<product_contract::VariantSummary>> {
    products.enter()?.get_variants(context(), ask(ids)).await
}

fn ask(ids: Vec<VariantId>) -> GetVariants {
    GetVariants { ids, currency: Currency::EUR }
}

pub fn hold(variant_id: VariantId, quantity: i64) -> Reserve {
    Reserve {
        reservation_id: ReservationId::new(),
        lines: vec![ReserveLine { variant_id, quantity }],
        expires_at: Timestamp::now().plus(Duration::from_secs(600)),
    }
}

pub fn open(store: &TestStore) -> ProductModule {
    let needs = Needs { orders: Handle::vacant() };
    ProductModule::open(Settings::default(), &StoreSettings::new(store.url()), needs).unwrap()
}

/// Units in stock and units held, as the module's own store has them.
pub async fn stock(module: &ProductModule, variant: VariantId) -> (i64, i64) {
    let Stock { on_hand, reserved } = module.service().stock(variant).await.unwrap();
    (on_hand, reserved)
}

async fn movements(module: &ProductModule, variant: VariantId) -> Vec<i64> {
    let page = module.service().movements(variant, None, 100, |_| String::new()).await.unwrap();
    page.data.into_iter().map(|movement| movement.delta).collect()
}

/// The only variant of a new product, with that much stock.
pub async fn variant(module: &ProductModule, slug: &str, stock: i64) -> VariantId {
    let draft = ProductDraft {
        slug: Slug::parse(slug).unwrap(),
        name: Name::parse(slug).unwrap(),
        description: Description::parse("").unwrap(),
        image_url: None,
        category_id: None,
        status: ProductStatus::Active,
        variants: vec![VariantDraft {
            sku: Sku::parse(slug).unwrap(),
            name: VariantName::parse("").unwrap(),
            status: VariantStatus::Active,
            prices: vec![Money::new(1_000, Currency::EUR)],
            stock,
        }],
    };
    let service = module.service();
    let made = service.create_product(draft, UserId::new(), None, |made| {
        Answer::json(StatusCode::CREATED, &made.product.id)
    });
    let id: ProductId = serde_json::from_str(made.await.unwrap().body()).unwrap();
    service.staff_product(id).await.unwrap().variants[0].variant.id
}

//! Stock is held, leaves and comes back by the rules.

use std::sync::Arc;
use std::time::Duration;

use kernel::store::StoreUrl;
use kernel::{CallError, Currency, ReservationId, Timestamp, UserId, VariantId};
use product::service::{ProductStatus, Reason, Stock};
use product::{Error, Service};
use product_contract::{GetVariants, ProductError, Products, Reserve, ReserveLine, Shortage};
use system_tests::on_every_engine;

use super::{context, create, done, draft, import, open, variant};

fn hold(lines: &[(VariantId, i64)]) -> Reserve {
    Reserve {
        reservation_id: ReservationId::new(),
        lines: lines
            .iter()
            .map(|(variant_id, quantity)| ReserveLine { variant_id: *variant_id, quantity: *quantity })
            .collect(),
        expires_at: Timestamp::now().plus(Duration::from_secs(600)),
    }
}

fn run_out(lines: &[(VariantId, i64)]) -> Reserve {
    Reserve { expires_at: Timestamp::now().minus(Duration::from_secs(1)), ..hold(lines) }
}

async fn reserve(products: &dyn Products, request: &Reserve) -> Result<(), ProductError> {
    refusal(products.reserve(context(), request.clone()).await)
}

fn refusal<T>(outcome: Result<T, CallError<ProductError>>) -> Result<T, ProductError> {
    outcome.map_err(|error| match error {
        CallError::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    })
}

async fn stock(service: &Service, variant: VariantId) -> (i64, i64) {
    let Stock { on_hand, reserved } = service.stock(variant).await.unwrap();
    (on_hand, reserved)
}

async fn ledger(service: &Service, variant: VariantId) -> Vec<(i64, String)> {
    let page = service.movements(variant, None, 100, |_| String::new()).await.unwrap();
    page.data.into_iter().map(|movement| (movement.delta, movement.reason)).collect()
}

on_every_engine! {
    async fn a_reservation_holds_every_line_or_none(url: StoreUrl) {
        let module = open(&url);
        let (service, products) = (module.service(), module.contract());
        let (tea, pot) = (variant(service, "tea", 5).await, variant(service, "pot", 1).await);
        let short = reserve(&*products, &hold(&[(tea, 2), (pot, 2)])).await;
        let shortages = vec![Shortage { variant_id: pot, requested: 2, available: 1 }];
        assert_eq!(short, Err(ProductError::InsufficientStock { shortages }));
        assert_eq!((stock(service, tea).await, stock(service, pot).await), ((5, 0), (1, 0)));
        reserve(&*products, &hold(&[(tea, 2), (pot, 1)])).await.unwrap();
        assert_eq!((stock(service, tea).await, stock(service, pot).await), ((5, 2), (1, 1)));
    }

    async fn the_same_request_again_is_the_same_hold_and_other_lines_are_refused(url: StoreUrl) {
        let module = open(&url);
        let (service, products) = (module.service(), module.contract());
        let tea = variant(service, "tea", 3).await;
        let request = hold(&[(tea, 3)]);
        reserve(&*products, &request).await.unwrap();
        reserve(&*products, &request).await.unwrap();
        assert_eq!(stock(service, tea).await, (3, 3));
        let other = Reserve { reservation_id: request.reservation_id, ..hold(&[(tea, 1)]) };
        assert!(matches!(reserve(&*products, &other).await, Err(ProductError::Invalid { .. })));
        products.commit_reservation(context(), request.reservation_id).await.unwrap();
        reserve(&*products, &request).await.unwrap();
        assert_eq!(stock(service, tea).await, (0, 0));
    }

    async fn a_commit_takes_the_units_out_once_and_a_release_brings_them_back_once(url: StoreUrl) {
        let module = open(&url);
        let (service, products) = (module.service(), module.contract());
        let tea = variant(service, "tea", 5).await;
        let request = hold(&[(tea, 2)]);
        reserve(&*products, &request).await.unwrap();
        for _ in 0..2 {
            products.commit_reservation(context(), request.reservation_id).await.unwrap();
            assert_eq!(stock(service, tea).await, (3, 0));
        }
        for _ in 0..2 {
            products.release_reservation(context(), request.reservation_id).await.unwrap();
            assert_eq!(stock(service, tea).await, (5, 0));
        }
        let moves = ledger(service, tea).await;
        assert_eq!(moves, [(2, "sale undone".into()), (-2, "sold".into()), (5, "opening stock".into())]);
        let gone = refusal(products.commit_reservation(context(), request.reservation_id).await);
        assert_eq!(gone, Err(ProductError::ReservationGone));
    }

    async fn a_release_that_overtakes_its_reservation_wins(url: StoreUrl) {
        let module = open(&url);
        let (service, products) = (module.service(), module.contract());
        let tea = variant(service, "tea", 5).await;
        let request = hold(&[(tea, 2)]);
        products.release_reservation(context(), request.reservation_id).await.unwrap();
        assert_eq!(reserve(&*products, &request).await, Err(ProductError::ReservationGone));
        assert_eq!(stock(service, tea).await, (5, 0));
        let unknown = refusal(products.commit_reservation(context(), ReservationId::new()).await);
        assert_eq!(unknown, Err(ProductError::ReservationGone));
    }

    async fn a_hold_that_ran_out_can_be_committed_until_somebody_takes_its_units(url: StoreUrl) {
        let module = open(&url);
        let (service, products) = (module.service(), module.contract());
        let tea = variant(service, "tea", 4).await;
        let (late, lost) = (run_out(&[(tea, 2)]), run_out(&[(tea, 2)]));
        reserve(&*products, &late).await.unwrap();
        reserve(&*products, &lost).await.unwrap();
        products.commit_reservation(context(), late.reservation_id).await.unwrap();
        reserve(&*products, &hold(&[(tea, 1)])).await.unwrap();
        let gone = refusal(products.commit_reservation(context(), lost.reservation_id).await);
        assert_eq!(gone, Err(ProductError::ReservationGone));
        assert_eq!(stock(service, tea).await, (2, 1));
    }

    async fn a_hold_that_ran_out_counts_as_free_before_anything_sweeps(url: StoreUrl) {
        let module = open(&url);
        let (service, products) = (module.service(), module.contract());
        let tea = variant(service, "tea", 3).await;
        reserve(&*products, &run_out(&[(tea, 3)])).await.unwrap();
        let request = GetVariants { ids: vec![tea, VariantId::new()], currency: Currency::EUR };
        let found = products.get_variants(context(), request).await.unwrap();
        assert_eq!(found.iter().map(|variant| (variant.id, variant.available)).collect::<Vec<_>>(), [(tea, 3)]);
        let (_, shown) = service.availability(product::service::ProductRef::Slug("tea".into())).await.unwrap();
        assert_eq!(shown[0].available, 3);
        assert_eq!(service.sweep(10).await.unwrap(), 1);
        assert_eq!(stock(service, tea).await, (3, 0));
        assert_eq!(service.sweep(10).await.unwrap(), 0);
    }

    async fn a_tombstone_is_forgotten_after_a_while(url: StoreUrl) {
        let module = open(&url);
        let (service, products) = (module.service(), module.contract());
        let tea = variant(service, "tea", 3).await;
        let request = hold(&[(tea, 1)]);
        reserve(&*products, &request).await.unwrap();
        products.release_reservation(context(), request.reservation_id).await.unwrap();
        let past = Timestamp::now().minus(Duration::from_secs(60));
        assert_eq!(service.forget_released(past, 10).await.unwrap(), 0);
        assert_eq!(service.forget_released(Timestamp::now(), 10).await.unwrap(), 1);
        reserve(&*products, &request).await.unwrap();
    }

    async fn many_buyers_and_few_units_make_exactly_that_many_sales(url: StoreUrl) {
        let module = open(&url);
        let (service, products) = (module.service(), module.contract());
        let (tea, pot) = (variant(service, "tea", 7).await, variant(service, "pot", 100).await);
        // One unit is held by somebody who has gone.
        reserve(&*products, &run_out(&[(tea, 1)])).await.unwrap();
        let buyers: Vec<_> = (0..30)
            .map(|buyer| {
                let products = Arc::clone(&products);
                tokio::spawn(async move {
                    // Half of them name the lines the other way round.
                    let mut lines = [(tea, 1), (pot, 1)];
                    if buyer % 2 == 0 {
                        lines.reverse();
                    }
                    let request = hold(&lines);
                    let held = reserve(&*products, &request).await;
                    if held.is_ok() {
                        products.commit_reservation(context(), request.reservation_id).await.unwrap();
                    }
                    held
                })
            })
            .collect();
        let mut sold = 0;
        for buyer in buyers {
            match buyer.await.unwrap() {
                Ok(()) => sold += 1,
                Err(error) => assert!(matches!(error, ProductError::InsufficientStock { .. }), "{error}"),
            }
        }
        assert_eq!(sold, 7);
        assert_eq!((stock(service, tea).await, stock(service, pot).await), ((0, 0), (93, 0)));
        assert_eq!(ledger(service, tea).await.iter().map(|(delta, _)| delta).sum::<i64>(), 0);
    }

    async fn what_is_not_on_sale_cannot_be_reserved(url: StoreUrl) {
        let module = open(&url);
        let (service, products) = (module.service(), module.contract());
        let drafted = create(service, product::service::draft::ProductDraft {
            status: ProductStatus::Draft,
            ..draft("tea", "Tea", 5)
        });
        let drafted = service.staff_product(drafted.await).await.unwrap().variants[0].variant.id;
        for variant_id in [drafted, VariantId::new()] {
            let refused = reserve(&*products, &hold(&[(variant_id, 1)])).await;
            assert_eq!(refused, Err(ProductError::NotForSale { variant_id }));
        }
        assert!(matches!(reserve(&*products, &hold(&[])).await, Err(ProductError::Invalid { .. })));
    }

    async fn stock_cannot_be_taken_out_from_under_a_hold(url: StoreUrl) {
        let module = open(&url);
        let (service, products) = (module.service(), module.contract());
        let tea = variant(service, "tea", 5).await;
        reserve(&*products, &hold(&[(tea, 2)])).await.unwrap();
        let adjust = async |delta: i64| {
            let reason = Reason::parse("counted").unwrap();
            service.adjust_stock(tea, delta, reason, UserId::new(), None, done).await
        };
        assert!(matches!(adjust(-4).await, Err(Error::TooFewUnits { available: 3 })));
        assert!(matches!(adjust(0).await, Err(Error::Invalid(_))));
        assert!(matches!(adjust(i64::MAX).await, Err(Error::Invalid(_))));
        adjust(-3).await.unwrap();
        adjust(10).await.unwrap();
        assert_eq!(stock(service, tea).await, (12, 2));
        assert_eq!(ledger(service, tea).await.iter().map(|(delta, _)| delta).sum::<i64>(), 12);
    }

    async fn other_modules_see_price_and_name_of_a_variant(url: StoreUrl) {
        let module = open(&url);
        import(module.service(), "tea,Tea,,,TEA-1,Green,5.50,EUR,2,active\n").await;
        let page = module.service().product_page(product::service::ProductRef::Slug("tea".into())).await.unwrap();
        let ids = vec![page.variants[0].variant.id];
        for (currency, price) in [(Currency::EUR, Some(550)), (Currency::USD, None)] {
            let request = GetVariants { ids: ids.clone(), currency };
            let found = module.contract().get_variants(context(), request).await.unwrap();
            assert_eq!(found[0].price.map(|price| price.amount), price);
            assert_eq!((found[0].slug.as_str(), found[0].variant_name.as_str()), ("tea", "Green"));
            assert!(found[0].for_sale);
        }
        let many = GetVariants { ids: vec![VariantId::new(); 101], currency: Currency::EUR };
        let refused = refusal(module.contract().get_variants(context(), many).await);
        assert!(matches!(refused, Err(ProductError::Invalid { .. })));
    }
}

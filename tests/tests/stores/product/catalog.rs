//! The catalogue is listed, filtered and walked.

use std::collections::BTreeSet;

use kernel::Currency;
use kernel::store::StoreUrl;
use product::Service;
use product::service::{Filter, ProductRef, Sort};
use system_tests::on_every_engine;

use super::{create, draft, import, open, slugs};

const SHOP: &str = "\
    tea,Assam Tea,,food/drinks,TEA,,4.00,EUR,3,active\n\
    jam,Öland Jam,,food,JAM-S,Small,3.00,EUR,0,active\n\
    jam,Öland Jam,,food,JAM-L,Large,7.00,EUR,0,active\n\
    pot,zinc Pot,,home,POT,,40.00,EUR,1,active\n\
    pot,zinc Pot,,home,POT,,44.00,USD,1,active\n\
    cup,Bone Cup,,,CUP,,,,9,active\n\
    old,Old Thing,,home,OLD,,1.00,EUR,9,archived\n";

fn all() -> Filter {
    Service::everything_on_sale()
}

on_every_engine! {
    async fn products_are_sorted_alike_on_every_engine(url: StoreUrl) {
        let module = open(&url);
        import(module.service(), SHOP).await;
        for (sort, expected) in [
            (Sort::Oldest, vec!["tea", "jam", "pot", "cup"]),
            (Sort::Newest, vec!["cup", "pot", "jam", "tea"]),
            (Sort::Relevance, vec!["cup", "pot", "jam", "tea"]),
            (Sort::Cheapest, vec!["jam", "tea", "pot"]),
            (Sort::Dearest, vec!["pot", "tea", "jam"]),
            // By what people read: neither the capital nor the diacritic counts.
            (Sort::Name, vec!["tea", "cup", "jam", "pot"]),
            (Sort::NameBackwards, vec!["pot", "jam", "cup", "tea"]),
        ] {
            for limit in [1, 2, 100] {
                assert_eq!(slugs(module.service(), &all(), sort, limit).await, expected, "{sort:?} by {limit}");
            }
        }
    }

    async fn filters_narrow_and_combine(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        import(service, SHOP).await;
        let food = service.categories_under("food".into()).await.unwrap();
        let nothing = service.categories_under("unknown".into()).await.unwrap();
        for (filter, expected) in [
            (Filter { categories: Some(food.clone()), ..all() }, vec!["tea", "jam"]),
            (Filter { categories: Some(nothing), ..all() }, vec![]),
            (Filter { in_stock: Some(true), ..all() }, vec!["tea", "pot", "cup"]),
            (Filter { in_stock: Some(false), ..all() }, vec!["jam"]),
            (Filter { price_from: Some(400), ..all() }, vec!["tea", "pot"]),
            (Filter { price_to: Some(400), ..all() }, vec!["tea", "jam"]),
            (Filter { currency: Currency::USD, price_from: Some(0), ..all() }, vec!["pot"]),
            (Filter { rating_from: Some(100), ..all() }, vec![]),
            (Filter { categories: Some(food), in_stock: Some(true), price_to: Some(500), ..all() }, vec!["tea"]),
            (Filter { status: None, ..all() }, vec!["tea", "jam", "pot", "cup", "old"]),
        ] {
            assert_eq!(slugs(service, &filter, Sort::Oldest, 2).await, expected, "{filter:?}");
        }
    }

    async fn a_batch_is_found_by_ids(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let first = create(service, draft("first", "First", 1)).await;
        create(service, draft("second", "Second", 1)).await;
        let third = create(service, draft("third", "Third", 1)).await;
        let ids = Some(vec![third, first, kernel::ProductId::new()]);
        assert_eq!(slugs(service, &Filter { ids, ..all() }, Sort::Oldest, 100).await, ["first", "third"]);
    }

    async fn a_walk_neither_repeats_nor_skips_while_products_are_added(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        for number in 0..10 {
            create(service, draft(&format!("p{number}"), &format!("Name {number}"), 1)).await;
        }
        for sort in [Sort::Newest, Sort::Name, Sort::Cheapest] {
            let before = slugs(service, &all(), sort, 100).await;
            let (mut walked, mut after) = (Vec::new(), None);
            for round in 0.. {
                let mut position = None;
                let page = service
                    .list_products(all(), sort, after, 3, |last| {
                        position = Some(last.clone());
                        String::new()
                    })
                    .await
                    .unwrap();
                walked.extend(page.data.into_iter().map(|listed| listed.product.slug));
                // New ones come both before and behind the place where the walk is.
                for name in if round < 5 { ["Aaa", "Zzz"].as_slice() } else { &[] } {
                    let slug = format!("{sort:?}-{round}-{name}").to_lowercase();
                    create(service, draft(&slug, name, 1)).await;
                }
                if !page.page.has_more {
                    break;
                }
                after = position;
            }
            let seen: Vec<_> = walked.iter().filter(|slug| before.contains(slug)).cloned().collect();
            assert_eq!(seen, before, "{sort:?} skips or repeats");
            let distinct: BTreeSet<_> = walked.iter().collect();
            assert_eq!(distinct.len(), walked.len(), "{sort:?} repeats");
        }
    }

    async fn a_product_is_read_by_id_and_by_slug_with_what_is_on_sale_of_it(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        import(service, SHOP).await;
        let by_slug = service.product_page(ProductRef::Slug("pot".into())).await.unwrap();
        let by_id = service.product_page(ProductRef::Id(by_slug.product.id)).await.unwrap();
        assert_eq!(by_slug, by_id);
        assert_eq!(by_id.category.unwrap().slug, "home");
        assert_eq!(by_id.variants[0].prices.len(), 2);
        for missing in ["old", "none"] {
            assert!(service.product_page(ProductRef::Slug(missing.into())).await.is_err(), "{missing}");
        }
    }

    async fn categories_count_what_is_on_sale_in_and_below_them(url: StoreUrl) {
        let module = open(&url);
        import(module.service(), SHOP).await;
        let found = module.service().categories().await.unwrap();
        let found: Vec<_> =
            found.iter().map(|view| (view.category.slug.as_str(), view.product_count)).collect();
        assert_eq!(found, [("food", 2), ("drinks", 1), ("home", 1)]);
    }
}

//! The catalogue goes out as a file and comes in again.

use kernel::Currency;
use kernel::store::StoreUrl;
use product::service::{Imported, ProductRef, Sort};
use product::{Error, Service};
use system_tests::engine::TestStore;
use system_tests::on_every_engine;

use super::{HEADER, import, open, slugs};

async fn wrong(service: &Service, lines: &str) -> Vec<String> {
    match service.import(format!("{HEADER}\n{lines}").into_bytes(), None).await {
        Err(Error::MalformedCsv(details)) => {
            details.into_iter().map(|detail| detail.field.unwrap_or_default()).collect()
        }
        other => panic!("{other:?}"),
    }
}

on_every_engine! {
    async fn the_sample_goes_out_and_comes_in_as_the_same_catalogue(url: StoreUrl) {
        let (first, other) = (open(&url), TestStore::sqlite());
        let there = first.seed(None).await.unwrap();
        assert!(there >= 72);
        let file = first.service().export().await.unwrap();
        let second = open(&other.url());
        second.service().import(file.clone(), None).await.unwrap();
        assert_eq!(second.service().export().await.unwrap(), file);
        let again = first.service().import(file.clone(), None).await.unwrap();
        let unchanged = usize::try_from(there).unwrap();
        assert_eq!(again, Imported { products_unchanged: unchanged, ..Imported::default() });
        assert_eq!(first.service().export().await.unwrap(), file);
    }

    async fn seeding_again_changes_nothing_and_more_can_be_made_up(url: StoreUrl) {
        let module = open(&url);
        let sample = module.seed(None).await.unwrap();
        assert_eq!(module.seed(None).await.unwrap(), sample);
        assert_eq!(module.seed(Some(150)).await.unwrap(), 150);
        assert_eq!(module.seed(Some(150)).await.unwrap(), 150);
        assert_eq!(module.seed(Some(10)).await.unwrap(), 150);
    }

    async fn a_wrong_line_leaves_nothing_of_the_file(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let fields = wrong(service, "tea,Tea,,food,TEA,,4.00,EUR,1,active\njam,Jam,,food,JAM,,x,EUR,1,active\n").await;
        assert_eq!(fields, ["line 3, column 7 (price)"]);
        assert!(slugs(service, &Service::everything_on_sale(), Sort::Oldest, 9).await.is_empty());
        assert!(service.categories().await.unwrap().is_empty());
    }

    async fn what_only_the_store_knows_to_be_wrong_is_told_with_its_place_too(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        import(service, "tea,Tea,,food/drinks,TEA,,4.00,EUR,1,active\n").await;
        let fields = wrong(
            service,
            "pot,Pot,,home,POT,,4.00,EUR,1,active\n\
             jam,Jam,,drinks/food,JAM,,4.00,EUR,1,active\n\
             cup,Cup,,,TEA,,4.00,EUR,1,active\n",
        );
        // `food` and `drinks` are the other way round, and the SKU is the tea's.
        assert_eq!(fields.await, ["line 3, column 4 (category_slug)", "line 4, column 5 (sku)"]);
        assert_eq!(slugs(service, &Service::everything_on_sale(), Sort::Oldest, 9).await, ["tea"]);
        assert_eq!(service.categories().await.unwrap().len(), 2, "`home` was not kept");
    }

    async fn a_file_changes_what_it_names_and_leaves_the_stock_alone(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        import(service, "tea,Tea,,food,TEA,,4.00,EUR,5,active\njam,Jam,,food,JAM,,3.00,EUR,5,active\n").await;
        let file = format!("{HEADER}\ntea,Black Tea,,food,TEA,,4.50,EUR,99,active\ntea,Black Tea,,food,TEA-L,Large,9.00,USD,2,active\n");
        let imported = service.import(file.into_bytes(), None).await.unwrap();
        let expected = Imported { products_changed: 1, variants_created: 1, ..Imported::default() };
        assert_eq!(imported, expected);
        let tea = service.product_page(ProductRef::Slug("tea".into())).await.unwrap();
        assert_eq!((tea.product.name.as_str(), tea.product.version), ("Black Tea", 2));
        let [small, large] = tea.variants.as_slice() else { panic!("{tea:?}") };
        assert_eq!((small.prices[0].amount, small.stock.on_hand), (450, 5));
        assert_eq!((large.prices[0].currency, large.stock.on_hand), (Currency::USD, 2));
        let jam = service.product_page(ProductRef::Slug("jam".into())).await.unwrap();
        assert_eq!(jam.product.version, 1);
    }
}

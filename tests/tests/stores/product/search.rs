//! Search finds and ranks alike on both engines.

use kernel::store::StoreUrl;
use product::Service;
use product::service::draft::CategoryChange;
use product::service::{Filter, Name, Precondition, Sort, parse_query};
use system_tests::on_every_engine;

use super::{import, open, slugs};

const SHOP: &str = "\
    tea-mug,Tea Mug,Keeps warm.,kitchen,MUG-1,,9.00,EUR,1,active\n\
    green-tea,Green Tea,Fresh leaves from a mug of a valley.,kitchen,GRN-1,,4.00,EUR,0,active\n\
    running-shoe,Running Shoe,Light.,sport,RUN-1,,90.00,EUR,1,active\n\
    creme,Crème Brûlée Set,Two bowls and a torch.,kitchen,CB-77,,30.00,EUR,1,active\n\
    mugwort,Mugwort,An herb.,garden,HRB-9,,3.00,EUR,1,active\n";

fn query(words: &str) -> Filter {
    Filter { words: parse_query(words).unwrap(), ..Service::everything_on_sale() }
}

on_every_engine! {
    async fn words_are_found_and_ranked_by_where_they_stand(url: StoreUrl) {
        let module = open(&url);
        import(module.service(), SHOP).await;
        for (words, expected) in [
            // In name and SKU, in a name by its beginning, in a description.
            ("mug", vec!["tea-mug", "mugwort", "green-tea"]),
            ("tea", vec!["tea-mug", "green-tea"]),
            ("tea mug", vec!["tea-mug", "green-tea"]),
            ("mug tea", vec!["tea-mug", "green-tea"]),
            ("leaves tea", vec!["green-tea"]),
            ("runs", vec!["running-shoe"]),
            ("runni", vec!["running-shoe"]),
            ("CREME brulee", vec!["creme"]),
            ("crème", vec!["creme"]),
            ("cb-77", vec!["creme"]),
            ("the torch", vec!["creme"]),
            ("tea torch", vec![]),
            ("te mug", vec![]),
            ("nothing", vec![]),
        ] {
            for limit in [1, 2, 100] {
                let found = slugs(module.service(), &query(words), Sort::Relevance, limit).await;
                assert_eq!(found, expected, "{words} by {limit}");
            }
        }
    }

    async fn search_goes_together_with_filters_and_other_orders(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        import(service, SHOP).await;
        let in_stock = Filter { in_stock: Some(true), ..query("mug") };
        assert_eq!(slugs(service, &in_stock, Sort::Relevance, 1).await, ["tea-mug", "mugwort"]);
        assert_eq!(slugs(service, &query("mug"), Sort::Cheapest, 1).await, ["mugwort", "green-tea", "tea-mug"]);
        let bounded = Filter { price_to: Some(500), ..query("mug") };
        assert_eq!(slugs(service, &bounded, Sort::Relevance, 1).await, ["mugwort", "green-tea"]);
    }

    async fn equal_ranks_are_walked_without_repeating(url: StoreUrl) {
        let module = open(&url);
        let lines: String =
            (0..25).map(|n| format!("lamp-{n},Lamp,,,LMP-{n},,1.00,EUR,1,active\n")).collect();
        import(module.service(), &lines).await;
        let expected: Vec<_> = (0..25).map(|n| format!("lamp-{n}")).collect();
        assert_eq!(slugs(module.service(), &query("lamp"), Sort::Relevance, 4).await, expected);
    }

    async fn the_index_follows_every_change(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        import(service, SHOP).await;
        import(service, "tea-mug,Coffee Cup,Keeps warm.,kitchen,MUG-1,,9.00,EUR,1,active\n").await;
        assert_eq!(slugs(service, &query("coffee"), Sort::Relevance, 9).await, ["tea-mug"]);
        assert_eq!(slugs(service, &query("tea"), Sort::Relevance, 9).await, ["green-tea"]);
        let garden = service.categories_under("garden".into()).await.unwrap()[0];
        let change = CategoryChange { name: Some(Name::parse("Orchard").unwrap()), ..Default::default() };
        service.change_category(garden, Precondition::none(), change).await.unwrap();
        assert_eq!(slugs(service, &query("orchards"), Sort::Relevance, 9).await, ["mugwort"]);
        assert!(slugs(service, &query("garden"), Sort::Relevance, 9).await.is_empty());
    }
}

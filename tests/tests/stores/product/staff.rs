//! Staff keep products, variants, prices and categories.

use kernel::idempotency::Key;
use kernel::store::StoreUrl;
use kernel::{Currency, Money, ProductId, UserId};
use product::service::draft::{CategoryChange, CategoryDraft, ProductChange, VariantChange};
use product::service::{
    CategoryId, CategoryRow, Filter, Name, Precondition, ProductRef, ProductStatus, Sku, Slug, Sort,
};
use product::{Error, Service};
use system_tests::on_every_engine;

use super::{create, done, draft, id_of_product, open, slugs};

async fn category(service: &Service, slug: &str, parent_id: Option<CategoryId>) -> CategoryRow {
    let draft = CategoryDraft {
        slug: Slug::parse(slug).unwrap(),
        name: Name::parse(slug).unwrap(),
        parent_id,
        position: 0,
    };
    service.create_category(draft, None, done).await.unwrap();
    let all = service.categories().await.unwrap();
    all.into_iter().map(|view| view.category).find(|row| row.slug == slug).unwrap()
}

fn move_to(parent: Option<CategoryId>) -> CategoryChange {
    CategoryChange { parent_id: Some(parent), ..CategoryChange::default() }
}

on_every_engine! {
    async fn a_slug_and_a_sku_are_given_once(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let tea = create(service, draft("tea", "Tea", 1)).await;
        let pot = create(service, draft("pot", "Pot", 1)).await;
        let by = UserId::new();
        let same_slug = service.create_product(draft("tea", "Other", 1), by, None, done).await;
        assert!(matches!(same_slug, Err(Error::SlugTaken)));
        let mut same_sku = draft("cup", "Cup", 1);
        same_sku.variants[0].sku = Sku::parse("tea").unwrap();
        let same_sku = service.create_product(same_sku, by, None, done).await;
        assert!(matches!(same_sku, Err(Error::SkuTaken(sku)) if sku == "tea"));
        assert!(service.product_page(ProductRef::Slug("cup".into())).await.is_err(), "nothing of it was kept");
        let change = ProductChange { slug: Some(Slug::parse("tea").unwrap()), ..ProductChange::default() };
        let taken = service.change_product(pot, Precondition::none(), change.clone()).await;
        assert!(matches!(taken, Err(Error::SlugTaken)));
        service.change_product(tea, Precondition::none(), change).await.unwrap();
    }

    async fn one_key_makes_one_product(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let mut made = Vec::new();
        for _ in 0..2 {
            let key = Key::claim(format!("key of {url}"), "fingerprint".into()).unwrap();
            let answer = service.create_product(draft("tea", "Tea", 1), UserId::new(), Some(key), id_of_product);
            made.push(answer.await.unwrap().body().to_owned());
        }
        assert_eq!(made[0], made[1]);
        let key = Key::claim(format!("key of {url}"), "other".into()).unwrap();
        let other = service.create_product(draft("pot", "Pot", 1), UserId::new(), Some(key), done).await;
        assert!(matches!(other, Err(Error::Key(_))));
    }

    async fn a_change_is_made_for_the_version_that_was_read(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let id = create(service, draft("tea", "Tea", 1)).await;
        let rename = |name: &str| ProductChange { name: Some(Name::parse(name).unwrap()), ..ProductChange::default() };
        let changed = service.change_product(id, Precondition::version(1), rename("Green")).await.unwrap();
        assert_eq!(changed.product.version, 2);
        let stale = service.change_product(id, Precondition::version(1), rename("Black")).await;
        assert!(matches!(stale, Err(Error::Changed)));
        let same = service.change_product(id, Precondition::version(2), rename("Green")).await.unwrap();
        assert_eq!(same.product.version, 2, "what changes nothing makes no version");
        let missing = service.change_product(ProductId::new(), Precondition::none(), rename("x")).await;
        assert!(matches!(missing, Err(Error::ProductNotFound)));
    }

    async fn a_price_changes_variant_product_and_list(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let id = create(service, draft("tea", "Tea", 1)).await;
        let variant = service.staff_product(id).await.unwrap().variants[0].variant.id;
        for price in [Money::new(700, Currency::EUR), Money::new(800, Currency::USD)] {
            service.set_price(variant, Precondition::none(), price).await.unwrap();
        }
        let staff = service.staff_product(id).await.unwrap();
        assert_eq!((staff.product.version, staff.variants[0].variant.version), (3, 3));
        let dollars = Filter { currency: Currency::USD, price_to: Some(800), ..Service::everything_on_sale() };
        assert_eq!(slugs(service, &dollars, Sort::Cheapest, 9).await, ["tea"]);
        let stale = service.set_price(variant, Precondition::version(1), Money::new(1, Currency::EUR)).await;
        assert!(matches!(stale, Err(Error::Changed)));
    }

    async fn what_is_archived_is_no_longer_shown_but_kept(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let id = create(service, draft("tea", "Tea", 1)).await;
        let variant = service.staff_product(id).await.unwrap().variants[0].variant.id;
        service.archive_variant(variant, Precondition::none()).await.unwrap();
        let page = service.product_page(ProductRef::Id(id)).await.unwrap();
        assert!(page.variants.is_empty());
        let priced = Filter { price_from: Some(0), ..Service::everything_on_sale() };
        assert!(slugs(service, &priced, Sort::Oldest, 9).await.is_empty());
        let archived = service.archive_product(id, Precondition::none()).await.unwrap();
        assert_eq!(archived.product.status, ProductStatus::Archived);
        assert!(matches!(service.product_page(ProductRef::Id(id)).await, Err(Error::ProductNotFound)));
        assert!(service.staff_product(id).await.is_ok());
    }

    async fn a_variant_is_added_behind_the_others_and_can_be_changed(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let id = create(service, draft("tea", "Tea", 1)).await;
        let mut second = draft("tea-large", "x", 3).variants.remove(0);
        second.prices.clear();
        service.create_variant(id, second, UserId::new(), None, done).await.unwrap();
        let staff = service.staff_product(id).await.unwrap();
        let positions: Vec<_> = staff.variants.iter().map(|v| (v.variant.sku.as_str(), v.variant.position)).collect();
        assert_eq!(positions, [("tea", 0), ("tea-large", 1)]);
        let change = VariantChange { sku: Some(Sku::parse("tea").unwrap()), ..VariantChange::default() };
        let taken = service.change_variant(staff.variants[1].variant.id, Precondition::none(), change).await;
        assert!(matches!(taken, Err(Error::SkuTaken(_))));
        assert_eq!(service.stock(staff.variants[1].variant.id).await.unwrap().on_hand, 3);
    }

    async fn a_category_never_stands_below_itself(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let home = category(service, "home", None).await;
        let kitchen = category(service, "kitchen", Some(home.id)).await;
        let cups = category(service, "cups", Some(kitchen.id)).await;
        for below in [home.id, kitchen.id, cups.id] {
            let cycle = service.change_category(home.id, Precondition::none(), move_to(Some(below))).await;
            assert!(matches!(cycle, Err(Error::Invalid(details)) if details[0].field.as_deref() == Some("parent_id")));
        }
        service.change_category(cups.id, Precondition::version(1), move_to(None)).await.unwrap();
        service.change_category(home.id, Precondition::version(1), move_to(Some(cups.id))).await.unwrap();
        assert_eq!(service.categories_under("cups".into()).await.unwrap(), [cups.id, home.id, kitchen.id]);
    }

    async fn only_an_empty_category_is_deleted(url: StoreUrl) {
        let module = open(&url);
        let service = module.service();
        let home = category(service, "home", None).await;
        let kitchen = category(service, "kitchen", Some(home.id)).await;
        let mut tea = draft("tea", "Tea", 1);
        tea.category_id = Some(kitchen.id);
        create(service, tea).await;
        for used in [home.id, kitchen.id] {
            let refused = service.delete_category(used, Precondition::none()).await;
            assert!(matches!(refused, Err(Error::CategoryNotEmpty)));
        }
        let spare = category(service, "spare", None).await;
        let stale = service.delete_category(spare.id, Precondition::version(7)).await;
        assert!(matches!(stale, Err(Error::Changed)));
        service.delete_category(spare.id, Precondition::version(1)).await.unwrap();
        assert!(matches!(service.category(spare.id).await, Err(Error::CategoryNotFound)));
    }
}

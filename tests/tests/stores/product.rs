//! The product module over both engines.

mod catalog;
mod events;
mod files;
mod reviews;
mod search;
mod staff;
mod stock;

use std::time::Duration;

use actix_web::http::StatusCode;
use kernel::idempotency::Answer;
use kernel::store::{StoreError, StoreSettings, StoreUrl};
use kernel::{CallContext, Currency, Money, ProductId, VariantId};
use order_contract::Orders;
use product::service::draft::{ProductDraft, VariantDraft};
use product::service::{
    Description, Filter, Name, ProductStatus, Sku, Slug, Sort, StaffProduct, VariantName, VariantStatus,
};
use product::{Needs, ProductModule, Service, Settings};
use seam::Handle;

const HEADER: &str =
    "product_slug,product_name,description,category_slug,sku,variant_name,price,currency,stock,status";

fn open(url: &StoreUrl) -> ProductModule {
    open_with(url, Handle::vacant())
}

fn open_with(url: &StoreUrl, orders: Handle<dyn Orders>) -> ProductModule {
    ProductModule::open(Settings::default(), &StoreSettings::new(url.clone()), Needs { orders }).unwrap()
}

fn context() -> CallContext {
    CallContext::of_module("test", Duration::from_secs(10))
}

fn done<T>(_made: &T) -> Result<Answer, StoreError> {
    Ok(Answer::empty(StatusCode::CREATED))
}

fn id_of_product(made: &StaffProduct) -> Result<Answer, StoreError> {
    Answer::json(StatusCode::CREATED, &made.product.id)
}

async fn import(service: &Service, lines: &str) {
    service.import(format!("{HEADER}\n{lines}").into_bytes(), None).await.unwrap();
}

/// A product that a test needs, with one variant of the same SKU as its slug.
fn draft(slug: &str, name: &str, stock: i64) -> ProductDraft {
    ProductDraft {
        slug: Slug::parse(slug).unwrap(),
        name: Name::parse(name).unwrap(),
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
    }
}

async fn create(service: &Service, draft: ProductDraft) -> ProductId {
    let by = kernel::UserId::new();
    let answer = service.create_product(draft, by, None, id_of_product).await.unwrap();
    serde_json::from_str(answer.body()).unwrap()
}

/// The only variant of a new product with that much stock.
async fn variant(service: &Service, slug: &str, stock: i64) -> VariantId {
    let product = create(service, draft(slug, slug, stock)).await;
    service.staff_product(product).await.unwrap().variants[0].variant.id
}

/// Slugs of all products of a filter in an order, read in pages of `limit`.
async fn slugs(service: &Service, filter: &Filter, sort: Sort, limit: u32) -> Vec<String> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let mut position = None;
        let page = service
            .list_products(filter.clone(), sort, after, limit, |last| {
                position = Some(last.clone());
                String::from("next")
            })
            .await
            .unwrap();
        assert!(page.data.len() <= usize::try_from(limit).unwrap());
        found.extend(page.data.into_iter().map(|listed| listed.product.slug));
        if !page.page.has_more {
            return found;
        }
        after = position;
    }
}

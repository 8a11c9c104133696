//! `GET /api/v1/products/{slug}`.
//!
//! Two statements, as `product::store::details` runs them: the product on sale with its category, then its variants on sale with
//! stock and prices.

use actix_web::{HttpResponse, web};
use diesel::prelude::*;
use kernel::Timestamp;
use serde::Serialize;

use super::schema::product::{categories, prices, products, variant_stock, variants};
use super::{Answer, Failure, Shop, with};

#[derive(Queryable, Selectable)]
#[diesel(table_name = products)]
#[expect(dead_code, reason = "the module reads every column, so they are read here, too")]
struct ProductRow {
    id: String,
    slug: String,
    name: String,
    name_key: String,
    description: String,
    image_url: Option<String>,
    category_id: Option<String>,
    status: String,
    version: i32,
    created_at: Timestamp,
    rating_sum: i64,
    rating_count: i64,
    rating_hundredths: i32,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = categories)]
#[expect(dead_code, reason = "the module reads every column, so they are read here, too")]
struct CategoryRow {
    id: String,
    parent_id: Option<String>,
    slug: String,
    name: String,
    position: i32,
    version: i32,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = variants)]
#[expect(dead_code, reason = "the module reads every column, so they are read here, too")]
struct VariantRow {
    id: String,
    product_id: String,
    sku: String,
    name: String,
    status: String,
    position: i32,
    version: i32,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = variant_stock)]
#[expect(dead_code, reason = "the module reads every column, so they are read here, too")]
struct StockRow {
    variant_id: String,
    on_hand: i64,
    reserved: i64,
}

/// A variant with its stock, once for each of its prices.
type PricedVariant = (VariantRow, StockRow, Option<(String, i64)>);

/// An amount in minor units.
#[derive(Serialize)]
pub(super) struct Price {
    pub(super) amount: i64,
    pub(super) currency: String,
}

/// What buyers thought of a product.
#[derive(Serialize)]
pub(super) struct Rating {
    average: Option<String>,
    count: i64,
}

#[derive(Serialize)]
struct Product {
    id: String,
    slug: String,
    name: String,
    description: String,
    image_url: Option<String>,
    category: Option<Category>,
    variants: Vec<Variant>,
    in_stock: bool,
    rating: Rating,
    created_at: Timestamp,
}

#[derive(Serialize)]
struct Category {
    id: String,
    slug: String,
    name: String,
}

#[derive(Serialize)]
struct Variant {
    id: String,
    sku: String,
    name: String,
    prices: Vec<Price>,
    available: i64,
}

impl Rating {
    pub(super) fn of(count: i64, hundredths: i32) -> Self {
        let average = (count > 0).then(|| format!("{}.{:02}", hundredths / 100, hundredths % 100));
        Self { average, count }
    }
}

pub(super) async fn read_product(shop: web::Data<Shop>, slug: web::Path<String>) -> Answer {
    let slug = slug.into_inner();
    let found = with(&shop.product, move |conn| read(conn, &slug)).await?;
    Ok(match found {
        Some(product) => HttpResponse::Ok().json(product),
        None => HttpResponse::NotFound().finish(),
    })
}

fn read(conn: &mut SqliteConnection, slug: &str) -> Result<Option<Product>, Failure> {
    let found: Option<(ProductRow, Option<CategoryRow>)> = products::table
        .left_join(categories::table)
        .filter(products::status.eq("active"))
        .filter(products::slug.eq(slug))
        .select((ProductRow::as_select(), Option::<CategoryRow>::as_select()))
        .first(conn)
        .optional()?;
    let Some((product, category)) = found else { return Ok(None) };
    let rows: Vec<PricedVariant> = variants::table
        .inner_join(variant_stock::table)
        .left_join(prices::table)
        .filter(variants::product_id.eq(&product.id))
        .filter(variants::status.eq("active"))
        .order((variants::position, variants::id, prices::currency))
        .select((
            VariantRow::as_select(),
            StockRow::as_select(),
            (prices::currency, prices::amount).nullable(),
        ))
        .load(conn)?;
    let mut variants: Vec<Variant> = Vec::new();
    for (variant, stock, price) in rows {
        let price = price.map(|(currency, amount)| Price { amount, currency });
        match variants.last_mut().filter(|last| last.id == variant.id) {
            Some(same) => same.prices.extend(price),
            None => variants.push(Variant {
                id: variant.id,
                sku: variant.sku,
                name: variant.name,
                prices: price.into_iter().collect(),
                available: stock.on_hand - stock.reserved,
            }),
        }
    }
    Ok(Some(Product {
        id: product.id,
        slug: product.slug,
        name: product.name,
        description: product.description,
        image_url: product.image_url,
        category: category.map(|row| Category { id: row.id, slug: row.slug, name: row.name }),
        in_stock: variants.iter().any(|variant| variant.available > 0),
        variants,
        rating: Rating::of(product.rating_count, product.rating_hundredths),
        created_at: product.created_at,
    }))
}

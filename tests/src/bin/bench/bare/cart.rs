//! `POST /api/v1/carts` and `PUT /api/v1/carts/{id}/items/{variant}`.
//!
//! The statements of the order module. Opening: one transaction that looks for the account's open cart and inserts one if there is none.
//! Setting: the cart; the variant, as the product module gives it; one transaction that reads the cart, sets the item, reads
//! the items and writes the cart's version; the variants again, for the prices in the answer.

use actix_web::{HttpRequest, HttpResponse, web};
use diesel::prelude::*;
use kernel::{CartId, Timestamp};
use serde::{Deserialize, Serialize};

use super::product::Price;
use super::schema::order::{cart_items, carts};
use super::stock::{self, Summary};
use super::{Answer, Failure, Shop, other, with};

/// A cart as it is stored.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = carts)]
pub(super) struct CartRow {
    pub(super) id: String,
    pub(super) user_id: Option<String>,
    guest_hash: Option<String>,
    claimed_hash: Option<String>,
    merged_into: Option<String>,
    currency: String,
    pub(super) status: String,
    pub(super) version: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Deserialize)]
pub(super) struct SetItem {
    quantity: i64,
}

#[derive(Serialize)]
struct OpenedCart {
    id: String,
    currency: String,
    guest_token: Option<String>,
}

#[derive(Serialize)]
struct Cart {
    id: String,
    status: String,
    currency: String,
    items: Vec<Item>,
    total: Option<Price>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
struct Item {
    variant_id: String,
    quantity: i64,
    product_id: String,
    slug: String,
    name: String,
    unit_price: Price,
    in_stock: bool,
}

/// It has nothing to learn from the body, but must read it: actix-web closes the connection behind an answer that is ready
/// before the body was, and the query may be done that early.
pub(super) async fn open_cart(request: HttpRequest, shop: web::Data<Shop>, _body: web::Bytes) -> Answer {
    let user_id = shop.keys.user_of(&request)?;
    let cart = with(&shop.order, move |conn| ensure_open(conn, user_id)).await?;
    let location = format!("/api/v1/carts/{}", cart.id);
    let body = OpenedCart { id: cart.id, currency: cart.currency, guest_token: None };
    Ok(HttpResponse::Created().insert_header(("location", location)).json(body))
}

fn ensure_open(conn: &mut SqliteConnection, user_id: String) -> Result<CartRow, Failure> {
    conn.immediate_transaction(|conn| {
        let open: Option<CartRow> = carts::table
            .filter(carts::user_id.eq(&user_id))
            .filter(carts::status.eq("open"))
            .select(CartRow::as_select())
            .first(conn)
            .optional()?;
        if let Some(open) = open {
            return Ok(open);
        }
        let now = Timestamp::now();
        let cart = CartRow {
            id: CartId::new().to_string(),
            user_id: Some(user_id),
            guest_hash: None,
            claimed_hash: None,
            merged_into: None,
            currency: "EUR".to_owned(),
            status: "open".to_owned(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        diesel::insert_into(carts::table).values(&cart).execute(conn)?;
        Ok(cart)
    })
}

/// The account's cart.
pub(super) fn owned(conn: &mut SqliteConnection, id: &str, user_id: &str) -> Result<CartRow, Failure> {
    let cart = carts::table.find(id).select(CartRow::as_select()).first(conn)?;
    if cart.user_id.as_deref() == Some(user_id) && cart.status == "open" {
        Ok(cart)
    } else {
        Err(other("no such cart"))
    }
}

/// Variants and units of a cart.
pub(super) fn items(conn: &mut SqliteConnection, id: &str) -> Result<Vec<(String, i64)>, Failure> {
    Ok(cart_items::table
        .filter(cart_items::cart_id.eq(id))
        .order((cart_items::added_at, cart_items::variant_id))
        .select((cart_items::variant_id, cart_items::quantity))
        .load(conn)?)
}

/// Writes everything about a cart that changes, and a new version.
pub(super) fn update(
    conn: &mut SqliteConnection,
    cart: &CartRow,
    status: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    diesel::update(carts::table.find(&cart.id))
        .set((
            carts::user_id.eq(&cart.user_id),
            carts::guest_hash.eq(&cart.guest_hash),
            carts::claimed_hash.eq(&cart.claimed_hash),
            carts::merged_into.eq(&cart.merged_into),
            carts::status.eq(status),
            carts::version.eq(cart.version + 1),
            carts::updated_at.eq(now),
        ))
        .execute(conn)?;
    Ok(())
}

pub(super) async fn set_item(
    request: HttpRequest,
    shop: web::Data<Shop>,
    path: web::Path<(String, String)>,
    body: web::Json<SetItem>,
) -> Answer {
    let user_id = shop.keys.user_of(&request)?;
    let ((id, variant), quantity) = (path.into_inner(), body.quantity);
    let (asked, owner) = (id.clone(), user_id.clone());
    with(&shop.order, move |conn| owned(conn, &asked, &owner).map(drop)).await?;
    let wanted = [variant.clone()];
    let found = with(&shop.product, move |conn| stock::summaries(conn, &wanted, Timestamp::now())).await?;
    for summary in &found {
        summary.price()?;
    }
    let (cart, items) = with(&shop.order, move |conn| set(conn, &id, &user_id, &variant, quantity)).await?;
    let ids: Vec<String> = items.iter().map(|(variant, _)| variant.clone()).collect();
    let variants = with(&shop.product, move |conn| stock::summaries(conn, &ids, Timestamp::now())).await?;
    Ok(HttpResponse::Ok().json(view(cart, items, &variants)?))
}

fn set(
    conn: &mut SqliteConnection,
    id: &str,
    user_id: &str,
    variant: &str,
    quantity: i64,
) -> Result<(CartRow, Vec<(String, i64)>), Failure> {
    conn.immediate_transaction(|conn| {
        let now = Timestamp::now();
        let cart = owned(conn, id, user_id)?;
        let row = (
            cart_items::cart_id.eq(id),
            cart_items::variant_id.eq(variant),
            cart_items::quantity.eq(quantity),
            cart_items::added_at.eq(now),
        );
        diesel::insert_into(cart_items::table)
            .values(row)
            .on_conflict((cart_items::cart_id, cart_items::variant_id))
            .do_update()
            .set(cart_items::quantity.eq(quantity))
            .execute(conn)?;
        let items = items(conn, id)?;
        update(conn, &cart, "open", now)?;
        Ok((cart, items))
    })
}

fn view(cart: CartRow, items: Vec<(String, i64)>, variants: &[Summary]) -> Result<Cart, Failure> {
    let mut total = 0;
    let mut shown = Vec::with_capacity(items.len());
    for (variant_id, quantity) in items {
        let variant = variants.iter().find(|variant| variant.id == variant_id);
        let variant = variant.ok_or_else(|| other("no such variant"))?;
        let amount = variant.price()?;
        total += amount * quantity;
        shown.push(Item {
            quantity,
            product_id: variant.product_id.clone(),
            slug: variant.slug.clone(),
            name: variant.name(),
            unit_price: Price { amount, currency: cart.currency.clone() },
            in_stock: variant.available() >= quantity,
            variant_id,
        });
    }
    Ok(Cart {
        total: Some(Price { amount: total, currency: cart.currency.clone() }),
        id: cart.id,
        status: cart.status,
        currency: cart.currency,
        items: shown,
        created_at: cart.created_at,
        updated_at: cart.updated_at,
    })
}

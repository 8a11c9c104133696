//! `POST /api/v1/carts/{id}/checkout`.
//!
//! What the order module's saga comes to when nothing goes wrong, written down one after another: read cart and items, the
//! variants, the account with its roles; place the order (transaction 1, order store); reserve (2, product store); have the payment
//! authorised (3, the test provider's books); let the stock leave (4, product store); have the payment captured (5, the
//! provider's books); confirm (6, order store). The order's events, its row and its lines are the same in the end, but a crash
//! in between would leave it wherever it was, a repeated request would buy twice, and nothing is told apart from a failure.

use actix_web::{HttpRequest, HttpResponse, web};
use diesel::prelude::*;
use kernel::{OrderId, ReservationId, Timestamp};
use serde::{Deserialize, Serialize};

use super::order::{authorize, capture, confirm, place};
use super::product::Price;
use super::schema::user::{user_roles, users};
use super::stock::{self, Summary};
use super::{Answer, Failure, Shop, cart, other, with};

const MICROS_OF_A_MINUTE: i64 = 60_000_000;

#[derive(Deserialize)]
pub(super) struct Checkout {
    payment: PaymentChoice,
}

#[derive(Deserialize)]
struct PaymentChoice {
    provider: String,
    token: String,
}

/// A line of an order.
#[derive(Clone, Serialize)]
pub(super) struct Line {
    pub(super) variant_id: String,
    pub(super) product_id: String,
    pub(super) sku: String,
    pub(super) name: String,
    pub(super) quantity: i64,
    pub(super) unit_price: i64,
    pub(super) total: i64,
}

#[derive(Serialize)]
struct Order {
    id: String,
    number: String,
    status: &'static str,
    payment_status: &'static str,
    email: String,
    lines: Vec<Line>,
    total: Price,
    payments: [OrderPayment; 1],
    pay_until: Timestamp,
    needs_attention: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
struct OrderPayment {
    attempt: u32,
    provider: String,
    state: &'static str,
    authorized: Price,
    captured: Price,
    refunded: Price,
}

/// An order on its way.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) user_id: String,
    pub(super) email: String,
    pub(super) lines: Vec<Line>,
    pub(super) total: i64,
    pub(super) provider: String,
    pub(super) token: String,
    pub(super) reservation: String,
    pub(super) placed_at: Timestamp,
    pub(super) pay_until: Timestamp,
}

pub(super) async fn check_out(
    request: HttpRequest,
    shop: web::Data<Shop>,
    id: web::Path<String>,
    body: web::Json<Checkout>,
) -> Answer {
    let user_id = shop.keys.user_of(&request)?;
    let (cart_id, owner) = (id.into_inner(), user_id.clone());
    let (cart, items) = with(&shop.order, move |conn| {
        let cart = cart::owned(conn, &cart_id, &owner)?;
        let items = cart::items(conn, &cart_id)?;
        Ok((cart, items))
    })
    .await?;
    let now = Timestamp::now();
    let ids: Vec<String> = items.iter().map(|(variant, _)| variant.clone()).collect();
    let variants = with(&shop.product, move |conn| stock::summaries(conn, &ids, now)).await?;
    let (lines, total) = priced(&items, &variants)?;
    let buyer = user_id.clone();
    let email = with(&shop.user, move |conn| email_of(conn, &buyer)).await?;

    let PaymentChoice { provider, token } = body.into_inner().payment;
    let draft = Draft {
        id: OrderId::new().to_string(),
        reservation: ReservationId::new().to_string(),
        pay_until: Timestamp::from_micros(now.micros() + 15 * MICROS_OF_A_MINUTE),
        placed_at: now,
        user_id,
        email,
        lines,
        total,
        provider,
        token,
    };
    let order = draft.clone();
    let number = with(&shop.order, move |conn| place(conn, &cart, &order)).await?;
    let (hold, held) = (draft.reservation.clone(), items.clone());
    let until = Timestamp::from_micros(now.micros() + 16 * MICROS_OF_A_MINUTE);
    with(&shop.product, move |conn| stock::reserve(conn, &hold, &held, until)).await?;
    let order = draft.clone();
    let payment = with(&shop.order, move |conn| authorize(conn, &order)).await?;
    let hold = draft.reservation.clone();
    with(&shop.product, move |conn| stock::commit(conn, &hold, &items)).await?;
    let paid = payment.clone();
    with(&shop.order, move |conn| capture(conn, &paid)).await?;
    let (order, filed) = (draft.clone(), number.clone());
    let updated_at = with(&shop.order, move |conn| confirm(conn, &order, &filed, &payment)).await?;
    let location = format!("/api/v1/orders/{}", draft.id);
    Ok(HttpResponse::Accepted()
        .insert_header(("location", location))
        .json(draft.into_order(number, updated_at)))
}

fn priced(items: &[(String, i64)], variants: &[Summary]) -> Result<(Vec<Line>, i64), Failure> {
    let mut lines = Vec::with_capacity(items.len());
    for (variant_id, quantity) in items {
        let variant = variants.iter().find(|variant| variant.id == *variant_id);
        let variant = variant.ok_or_else(|| other("no such variant"))?;
        let unit_price = variant.price()?;
        lines.push(Line {
            variant_id: variant_id.clone(),
            product_id: variant.product_id.clone(),
            sku: variant.sku.clone(),
            name: variant.name(),
            quantity: *quantity,
            unit_price,
            total: unit_price * quantity,
        });
    }
    let total = lines.iter().map(|line| line.total).sum();
    Ok((lines, total))
}

fn email_of(conn: &mut SqliteConnection, user_id: &str) -> Result<String, Failure> {
    let email = users::table.find(user_id).select(users::email).first(conn)?;
    let _roles: Vec<String> =
        user_roles::table.filter(user_roles::user_id.eq(user_id)).select(user_roles::role).load(conn)?;
    Ok(email)
}

impl Draft {
    fn into_order(self, number: String, updated_at: Timestamp) -> Order {
        let price = |amount: i64| Price { amount, currency: "EUR".to_owned() };
        let payment = OrderPayment {
            attempt: 1,
            provider: self.provider,
            state: "captured",
            authorized: price(self.total),
            captured: price(self.total),
            refunded: price(0),
        };
        Order {
            id: self.id,
            number,
            status: "confirmed",
            payment_status: "captured",
            email: self.email,
            lines: self.lines,
            total: price(self.total),
            payments: [payment],
            pay_until: self.pay_until,
            needs_attention: false,
            created_at: self.placed_at,
            updated_at,
        }
    }
}

//! What clients see of carts and orders.

use kernel::{CartId, Currency, Money, OrderId, ProductId, Timestamp, UserId, VariantId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::cart;
use crate::domain::event::{Address, Line};
use crate::domain::order::{Order, Payment, PaymentStatus, Status};
use crate::domain::payment::{NextAction, PaymentState};
use crate::service::{CartItem, CartView};
use crate::store::orders::OrderRow;

/// A cart.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Cart {
    id: CartId,
    /// `open`, `checked_out` or `merged`.
    status: String,
    currency: Currency,
    items: Vec<Item>,
    /// What the items cost now; null while something in the cart has no price.
    total: Option<Money>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// An item of a cart.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Item {
    variant_id: VariantId,
    quantity: i64,
    /// Null while nothing is known of the variant.
    product_id: Option<ProductId>,
    slug: Option<String>,
    name: Option<String>,
    /// Null when it is not sold in the cart's currency.
    unit_price: Option<Money>,
    /// Whether as many could be bought now.
    in_stock: Option<bool>,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderBody {
    id: OrderId,
    /// For people.
    number: String,
    status: Status,
    payment_status: PaymentStatus,
    /// Why the order was or is being undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping_address: Option<Address>,
    lines: Vec<Line>,
    total: Money,
    payments: Vec<PaymentBody>,
    /// Unpaid by then, it expires.
    pay_until: Timestamp,
    /// Whether the saga needs somebody's help.
    needs_attention: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A payment of an order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PaymentBody {
    attempt: u32,
    provider: String,
    /// Null until the provider has answered.
    state: Option<PaymentState>,
    authorized: Money,
    captured: Money,
    refunded: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_action: Option<NextAction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_code: Option<String>,
}

/// A row of a list of orders.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OrderSummary {
    id: OrderId,
    number: String,
    user_id: Option<UserId>,
    email: String,
    status: String,
    payment_status: String,
    total: Money,
    needs_attention: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<CartView> for Cart {
    fn from(view: CartView) -> Self {
        Self {
            id: view.cart.id,
            status: view.cart.status,
            currency: view.cart.currency,
            items: view.items.into_iter().map(Item::from).collect(),
            total: view.total,
            created_at: view.cart.created_at,
            updated_at: view.cart.updated_at,
        }
    }
}

impl From<CartItem> for Item {
    fn from(item: CartItem) -> Self {
        let variant = item.variant.as_ref();
        Self {
            variant_id: item.variant_id,
            quantity: item.quantity,
            product_id: variant.map(|variant| variant.product_id),
            slug: variant.map(|variant| variant.slug.clone()),
            name: variant.map(cart::full_name),
            unit_price: variant.filter(|variant| variant.for_sale).and_then(|variant| variant.price),
            in_stock: variant.map(|variant| variant.available >= item.quantity),
        }
    }
}

impl OrderBody {
    pub(crate) fn of((id, order): &(OrderId, Order)) -> Self {
        let currency = order.placed.currency;
        Self {
            id: *id,
            number: order.placed.number.clone(),
            status: order.status,
            payment_status: order.payment_status(),
            reason: order.reason.clone(),
            email: order.placed.email.clone(),
            shipping_address: order.placed.shipping_address.clone(),
            lines: order.placed.lines.clone(),
            total: Money::new(order.placed.total, currency),
            payments: order.payments.iter().map(|payment| PaymentBody::of(payment, currency)).collect(),
            pay_until: order.placed.pay_until,
            needs_attention: order.attention.is_some(),
            created_at: order.placed_at,
            updated_at: order.updated_at,
        }
    }
}

impl PaymentBody {
    fn of(payment: &Payment, currency: Currency) -> Self {
        let seen = payment.seen.as_ref();
        let money = |amount: Option<i64>| Money::new(amount.unwrap_or(0), currency);
        Self {
            attempt: payment.attempt,
            provider: payment.provider.clone(),
            state: seen.map(|seen| seen.state),
            authorized: money(seen.map(|seen| seen.authorized)),
            captured: money(seen.map(|seen| seen.captured)),
            refunded: money(seen.map(|seen| seen.refunded)),
            next_action: seen.and_then(|seen| seen.next_action.clone()),
            decline_code: seen.and_then(|seen| seen.decline_code.clone()),
        }
    }
}

impl From<OrderRow> for OrderSummary {
    fn from(row: OrderRow) -> Self {
        Self {
            id: row.id,
            number: row.number,
            user_id: row.user_id,
            email: row.email,
            status: row.status,
            payment_status: row.payment_status,
            total: Money::new(row.total, row.currency),
            needs_attention: row.needs_attention,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

//! `POST /api/v1/carts/{id}/checkout`.

use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, post, web};
use kernel::http::{ApiError, Call, Effect, ErrorBody, GuestToken, MaybeLogin, RequestContext, path_id};
use kernel::idempotency::Answer;
use kernel::store::StoreError;
use kernel::{CartId, ErrorCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::views::OrderBody;
use super::visitor;
use crate::domain::event::Address;
use crate::service::{Checkout, OrderView, PaymentChoice, Service};

/// Longest wait that `Prefer: wait=…` may ask for.
const LONGEST_WAIT: u64 = 10;

/// What the buyer agrees to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckoutBody {
    /// Minor units that the buyer saw; with another total there is no order.
    #[serde(default)]
    expected_total: Option<i64>,
    /// Needed of a guest; a user's is known.
    #[serde(default)]
    email: Option<String>,
    /// Where to send it.
    #[serde(default)]
    shipping_address: Option<Address>,
    /// How to pay.
    payment: PaymentRequest,
}

/// How to pay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PaymentRequest {
    /// Name of the provider.
    #[schema(example = "test")]
    provider: String,
    /// The provider's token for the means of payment; never a card number.
    #[schema(example = "ok")]
    token: String,
}

impl PaymentRequest {
    /// Refuses what looks like a card number: it must never be stored or logged here (PCI DSS).
    pub(crate) fn into_choice(self) -> Result<PaymentChoice, ApiError> {
        let digits = self.token.chars().filter(char::is_ascii_digit).count();
        let only_number = self.token.chars().all(|c| c.is_ascii_digit() || c == ' ' || c == '-');
        if self.token.is_empty()
            || self.token.len() > 255
            || self.token.chars().any(char::is_control)
            || (only_number && digits >= 12)
        {
            let detail = kernel::Detail::of("payment.token", "must be a provider's token, not a card number");
            return Err(ApiError::new(ErrorCode::ValidationFailed).detail(detail));
        }
        Ok(PaymentChoice { provider: self.provider, token: self.token })
    }
}

/// Turns a cart into an order. Answers at once; with `Prefer: wait=SECONDS` (RFC 7240) it waits for the order to settle.
#[utoipa::path(tag = "order", request_body = CheckoutBody,
    params(("id" = CartId, Path), ("Idempotency-Key" = String, Header), ("X-Guest-Token" = Option<String>, Header),
        ("Prefer" = Option<String>, Header)),
    responses((status = 202, body = OrderBody), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
#[post("/api/v1/carts/{id}/checkout")]
#[expect(clippy::too_many_arguments, reason = "each is one part of the request")]
pub(crate) async fn check_out(
    request: HttpRequest,
    context: RequestContext,
    service: web::Data<Service>,
    call: Call,
    login: MaybeLogin,
    guest: GuestToken,
    id: web::Path<String>,
    effect: Effect<CheckoutBody>,
) -> Result<Answer, ApiError> {
    let cart_id = path_id(&id, ErrorCode::CartNotFound)?;
    let key = effect.required_key()?;
    let visitor = visitor(&login, &guest);
    let checkout = Checkout {
        cart_id,
        expected_total: effect.body.expected_total,
        email: effect.body.email,
        shipping_address: effect.body.shipping_address,
        payment: effect.body.payment.into_choice()?,
    };
    let placed = service.check_out(&call.0, &visitor, checkout, key, accepted).await?;
    let Some(wait) = preferred_wait(&request) else { return Ok(placed) };
    let order: Placed = serde_json::from_str(placed.body()).map_err(|error| {
        log::error!("a stored answer cannot be read: {error}");
        ApiError::new(ErrorCode::Internal)
    })?;
    // A margin below the gateway's own limit, so that the answer is ours.
    let deadline = (Instant::now() + wait).min(context.deadline - Duration::from_millis(500));
    let settled = service.wait_settled(&visitor, order.id, deadline).await?;
    Ok(placed.refreshed(&OrderBody::of(&settled))?)
}

#[derive(Deserialize)]
struct Placed {
    id: kernel::OrderId,
}

/// 202 with the order and where to follow it.
pub(super) fn accepted(order: &OrderView) -> Result<Answer, StoreError> {
    Ok(Answer::json(StatusCode::ACCEPTED, &OrderBody::of(order))?
        .header("location", format!("/api/v1/orders/{}", order.0)))
}

fn preferred_wait(request: &HttpRequest) -> Option<Duration> {
    let prefer = request.headers().get("prefer")?.to_str().ok()?;
    let seconds = prefer.split(',').find_map(|preference| preference.trim().strip_prefix("wait="))?;
    Some(Duration::from_secs(seconds.parse::<u64>().ok()?.min(LONGEST_WAIT)))
}

//! `/api/v1/auth`: logging in, staying in, and out.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, post, web};
use kernel::http::{ApiError, ErrorBody, Json, RequestContext};
use kernel::{CallContext, Caller, CartId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refused;
use super::users::UserView;
use crate::domain::{Secret, UserAgent};
use crate::service::{LoginRequest, Service, Tokens};

/// What a person gives to log in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// The account, in any case.
    #[schema(example = "ada@example.org")]
    email: String,
    /// What proves that it is theirs.
    password: Secret,
    /// The secret of the cart that they filled as a guest; it becomes theirs.
    guest_token: Option<Secret>,
}

/// A refresh token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshTokenBody {
    /// The one that the last login or refresh gave.
    refresh_token: Secret,
}

/// What opens an account (RFC 6749, section 5.1). No `Debug`: it holds secrets.
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(crate) struct TokensView {
    /// Goes with every request, as `Authorization: Bearer …`: a JWT signed with Ed25519.
    access_token: String,
    /// `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Life of the access token, in seconds.
    #[schema(example = 600)]
    expires_in: u64,
    /// Gives the next pair, once. Using it twice ends the login.
    refresh_token: String,
    /// The account.
    user: UserView,
    /// The cart that was the guest's.
    #[serde(skip_serializing_if = "Option::is_none")]
    cart_id: Option<CartId>,
}

/// Logs in. A wrong password, an unknown and a disabled account are answered alike.
#[utoipa::path(
    tag = "user",
    request_body = Login,
    responses(
        (status = 200, description = "Logged in", body = TokensView),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`INVALID_CREDENTIALS`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`", body = ErrorBody),
        (status = 429, description = "`RATE_LIMITED`: too many wrong passwords; see `Retry-After`", body = ErrorBody),
        (status = 503, description = "`OVERLOADED`", body = ErrorBody),
    )
)]
#[post("/api/v1/auth/login")]
pub(super) async fn login(
    request: HttpRequest,
    service: web::Data<Service>,
    body: Json<Login>,
) -> Result<HttpResponse, ApiError> {
    let known = RequestContext::of(&request);
    // Not the request's own identity: a token left over from an older login must not stand in the way of a new one.
    let context = CallContext {
        deadline: known.deadline,
        trace: known.trace.child(),
        caller: Caller::Anonymous,
        idempotency_key: None,
    };
    let user_agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let Login { email, password, guest_token } = body.0;
    let login =
        LoginRequest { email, password, guest_token, user_agent: user_agent.map(UserAgent::of_header) };
    Ok(answer(service.login(login, context).await.map_err(refused)?))
}

/// Gives a new pair of tokens for a refresh token, which is used up by that.
#[utoipa::path(
    tag = "user",
    request_body = RefreshTokenBody,
    responses(
        (status = 200, description = "The next pair", body = TokensView),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`REFRESH_TOKEN_REUSED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`", body = ErrorBody),
    )
)]
#[post("/api/v1/auth/refresh")]
pub(super) async fn refresh(
    service: web::Data<Service>,
    body: Json<RefreshTokenBody>,
) -> Result<HttpResponse, ApiError> {
    Ok(answer(service.refresh(&body.0.refresh_token).await?))
}

/// Ends the login that a refresh token belongs to. An unknown token is answered alike.
#[utoipa::path(
    tag = "user",
    request_body = RefreshTokenBody,
    responses(
        (status = 204, description = "Logged out"),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`", body = ErrorBody),
    )
)]
#[post("/api/v1/auth/logout")]
pub(super) async fn logout(
    service: web::Data<Service>,
    body: Json<RefreshTokenBody>,
) -> Result<HttpResponse, ApiError> {
    service.logout(&body.0.refresh_token).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn answer(tokens: Tokens) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(TokensView {
        access_token: tokens.access_token.expose().to_owned(),
        token_type: "Bearer",
        expires_in: tokens.expires_in.as_secs(),
        refresh_token: tokens.refresh_token.expose().to_owned(),
        user: tokens.user.into(),
        cart_id: tokens.cart_id,
    })
}

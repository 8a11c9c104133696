//! `/api/v1/users`: registering, and accounts as staff see them.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use kernel::http::{ApiError, Effect, ErrorBody, path_id, versioned};
use kernel::idempotency::Answer;
use kernel::store::StoreError;
use kernel::{ErrorCode, Permission, Role, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::member::Member;
use super::refused;
use crate::domain::{Registration, Secret, User};
use crate::service::Service;

/// What a person gives to get an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Register {
    /// Where to write to. Compared without regard to case; one account each.
    #[schema(example = "ada@example.org", max_length = 254)]
    email: String,
    /// How to address them, 1 to 100 characters.
    #[schema(example = "Ada Lovelace")]
    name: String,
    /// 8 to 128 characters of any kind; not one of the most common passwords, not the e-mail address.
    password: Secret,
}

/// An account as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct UserView {
    /// Names it.
    id: UserId,
    /// Where to write to.
    #[schema(example = "ada@example.org")]
    email: String,
    /// How to address them.
    #[schema(example = "Ada Lovelace")]
    name: String,
    /// Staff roles; empty for a customer.
    roles: Vec<Role>,
    /// When it was registered.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

/// An account as staff see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserAccount)]
pub(super) struct AccountView {
    /// Names it.
    id: UserId,
    /// Where to write to.
    email: String,
    /// How to address them.
    name: String,
    /// Staff roles; empty for a customer.
    roles: Vec<Role>,
    /// Whether logging in is refused.
    disabled: bool,
    /// When it was registered.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

/// Registers an account. Log in to get tokens. With an `Idempotency-Key` it is made once, however often the request is sent.
#[utoipa::path(
    tag = "user",
    params(("Idempotency-Key" = Option<String>, Header, description = "16 to 255 visible ASCII characters")),
    request_body = Register,
    responses(
        (status = 201, description = "Registered", body = UserView),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`, `IDEMPOTENCY_KEY_INVALID`", body = ErrorBody),
        (status = 409, description = "`EMAIL_TAKEN`, `IDEMPOTENCY_IN_PROGRESS`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_KEY_REUSED`", body = ErrorBody),
        (status = 503, description = "`OVERLOADED`", body = ErrorBody),
    )
)]
#[post("/api/v1/users")]
pub(super) async fn register(
    service: web::Data<Service>,
    effect: Effect<Register>,
) -> Result<Answer, ApiError> {
    let key = effect.key();
    let Register { email, name, password } = effect.body;
    let registration = Registration::parse(&email, &name, password).map_err(crate::Error::from)?;
    service.register(registration, key, registered).await.map_err(refused)
}

fn registered(user: &User) -> Result<Answer, StoreError> {
    let answer = Answer::json(StatusCode::CREATED, &UserView::from(user.clone()))?;
    Ok(answer.header(header::LOCATION.as_str(), "/api/v1/users/me"))
}

/// An account, for staff.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    params(("id" = UserId, Path, description = "The account")),
    responses(
        (status = 200, description = "The account, with the `ETag` that its changes need", body = AccountView),
        (status = 304, description = "It is the one in `If-None-Match`"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`USER_NOT_FOUND`", body = ErrorBody),
    )
)]
#[get("/api/v1/users/{id}")]
pub(super) async fn read_user(
    request: HttpRequest,
    service: web::Data<Service>,
    member: Member,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    member.require(Permission::ReadUsers)?;
    let user = service.user(path_id(&id, ErrorCode::UserNotFound)?).await?;
    let version = user.version;
    versioned(&request, &AccountView::from(user), version)
}

// === impl UserView ===

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User { id, email, name, roles, created_at, updated_at, .. } = user;
        Self { id, email, name, roles, created_at, updated_at }
    }
}

// === impl AccountView ===

impl From<User> for AccountView {
    fn from(user: User) -> Self {
        let User { id, email, name, roles, disabled, created_at, updated_at, .. } = user;
        Self { id, email, name, roles, disabled, created_at, updated_at }
    }
}

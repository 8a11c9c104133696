//! `/api/v1/users/me`: the account of the one who asks.

use actix_web::{HttpRequest, HttpResponse, get, patch, put, web};
use kernel::http::{ApiError, ErrorBody, Json, conditional};
use serde::Deserialize;
use utoipa::ToSchema;

use super::member::Member;
use super::refused;
use super::users::UserView;
use crate::domain::{Profile, Secret};
use crate::service::Service;

/// What to change of an account; a field that is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPatch {
    /// How to address them, 1 to 100 characters.
    name: Option<String>,
}

/// The old and the new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    /// The one that is to go.
    current_password: Secret,
    /// 8 to 128 characters of any kind; not one of the most common passwords, not the e-mail address.
    new_password: Secret,
}

/// The account of the one who asks.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The account", body = UserView),
        (status = 304, description = "It is the one in `If-None-Match`"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
    )
)]
#[get("/api/v1/users/me")]
pub(super) async fn read_me(
    request: HttpRequest,
    service: web::Data<Service>,
    member: Member,
) -> Result<HttpResponse, ApiError> {
    conditional(&request, &UserView::from(service.user(member.user_id).await?))
}

/// Changes the account of the one who asks.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    request_body = UserPatch,
    responses(
        (status = 200, description = "The account as it is now", body = UserView),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`", body = ErrorBody),
    )
)]
#[patch("/api/v1/users/me")]
pub(super) async fn change_me(
    service: web::Data<Service>,
    member: Member,
    body: Json<UserPatch>,
) -> Result<HttpResponse, ApiError> {
    let profile = Profile::parse(body.0.name.as_deref()).map_err(crate::Error::from)?;
    let user = service.change_profile(member.user_id, profile).await?;
    Ok(HttpResponse::Ok().json(UserView::from(user)))
}

/// Changes the password and ends all other logins of the account.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    request_body = PasswordChange,
    responses(
        (status = 204, description = "Changed"),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`INVALID_CREDENTIALS` when the current password is wrong; `AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`", body = ErrorBody),
        (status = 429, description = "`RATE_LIMITED`: too many wrong passwords; see `Retry-After`", body = ErrorBody),
        (status = 503, description = "`OVERLOADED`", body = ErrorBody),
    )
)]
#[put("/api/v1/users/me/password")]
pub(super) async fn change_password(
    service: web::Data<Service>,
    member: Member,
    body: Json<PasswordChange>,
) -> Result<HttpResponse, ApiError> {
    let PasswordChange { current_password, new_password } = body.0;
    service.change_password(&member, current_password, new_password).await.map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}

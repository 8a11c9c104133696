//! `/api/v1/admin/users`: what staff do with accounts.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, put, web};
use kernel::http::{ApiError, ETag, ErrorBody, IfMatch, Json, Query, page_response, path_id};
use kernel::{ErrorCode, Page, Permission, Role, UserId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::member::Member;
use super::users::AccountView;
use crate::domain::{Invalid, User, parse_roles};
use crate::service::{Service, UserFilter};

/// Longest text to search for, in characters.
const LONGEST_SEARCH: usize = 100;

/// Which accounts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListUsers {
    /// Part of the e-mail address or the name, in either case, up to 100 characters.
    q: Option<String>,
    /// Only those with the role.
    role: Option<Role>,
    /// Rows of a page, 1 to 100; 20 when absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The roles that an account shall have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RolesBody {
    /// All of them; an empty list makes a customer.
    #[schema(value_type = Vec<Role>)]
    roles: Vec<String>,
}

/// Whether an account may log in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusBody {
    /// Whether logging in is refused.
    disabled: bool,
}

/// Accounts, the newest first.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    params(ListUsers),
    responses(
        (status = 200, description = "The accounts", body = Page<AccountView>),
        (status = 400, description = "`INVALID_PARAMETER`, `INVALID_CURSOR`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
    )
)]
#[get("/api/v1/admin/users")]
pub(super) async fn list_users(
    request: HttpRequest,
    service: web::Data<Service>,
    member: Member,
    query: Query<ListUsers>,
) -> Result<HttpResponse, ApiError> {
    member.require(Permission::ReadUsers)?;
    let ListUsers { q, role, limit, cursor } = query.0;
    let text = q.map(|q| q.trim().to_lowercase()).filter(|q| !q.is_empty());
    if text.as_ref().is_some_and(|text| text.chars().count() > LONGEST_SEARCH) {
        let detail = kernel::Detail::of("q", format!("must have at most {LONGEST_SEARCH} characters"));
        return Err(ApiError::new(ErrorCode::InvalidParameter).detail(detail));
    }
    // The role comes first, because it cannot hold a separator.
    let list = format!("users {} {}", role.map_or("any", Role::name), text.as_deref().unwrap_or_default());
    let paging = service.cursors().paging(&list, limit, cursor.as_deref())?;
    let limit = paging.limit;
    let rows = service.users(UserFilter { text, role }, paging).await?;
    let page = Page::cut(rows, limit, |last| service.cursors().encode(&list, &last.id));
    Ok(page_response(&request, &page.map(AccountView::from)))
}

/// Gives an account exactly these roles. They count from its next refresh of tokens on, in this module at once.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    params(
        ("id" = UserId, Path, description = "The account"),
        ("If-Match" = String, Header, description = "The `ETag` of the account as it was read"),
    ),
    request_body = RolesBody,
    responses(
        (status = 200, description = "The account as it is now, with its new `ETag`", body = AccountView),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`USER_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`LAST_OPERATOR`", body = ErrorBody),
        (status = 412, description = "`PRECONDITION_FAILED`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`", body = ErrorBody),
        (status = 428, description = "`PRECONDITION_REQUIRED`", body = ErrorBody),
    )
)]
#[put("/api/v1/admin/users/{id}/roles")]
pub(super) async fn set_roles(
    service: web::Data<Service>,
    member: Member,
    id: web::Path<String>,
    if_match: Option<IfMatch>,
    body: Json<RolesBody>,
) -> Result<HttpResponse, ApiError> {
    let (id, if_match) = managed(&member, &id, if_match)?;
    let roles = parse_roles(body.0.roles.iter().map(String::as_str))
        .map_err(|reason| crate::Error::from(Invalid::of("roles", reason)))?;
    Ok(changed(service.set_roles(id, roles, if_match).await?))
}

/// Disables an account, which ends its logins, or enables it again.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    params(
        ("id" = UserId, Path, description = "The account"),
        ("If-Match" = String, Header, description = "The `ETag` of the account as it was read"),
    ),
    request_body = StatusBody,
    responses(
        (status = 200, description = "The account as it is now, with its new `ETag`", body = AccountView),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`USER_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`LAST_OPERATOR`", body = ErrorBody),
        (status = 412, description = "`PRECONDITION_FAILED`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`", body = ErrorBody),
        (status = 428, description = "`PRECONDITION_REQUIRED`", body = ErrorBody),
    )
)]
#[put("/api/v1/admin/users/{id}/status")]
pub(super) async fn set_status(
    service: web::Data<Service>,
    member: Member,
    id: web::Path<String>,
    if_match: Option<IfMatch>,
    body: Json<StatusBody>,
) -> Result<HttpResponse, ApiError> {
    let (id, if_match) = managed(&member, &id, if_match)?;
    Ok(changed(service.set_disabled(id, body.0.disabled, if_match).await?))
}

/// Whether the one who asks may change the account at all; only then what else the request lacks is told.
fn managed(member: &Member, id: &str, if_match: Option<IfMatch>) -> Result<(UserId, IfMatch), ApiError> {
    member.require(Permission::ManageUsers)?;
    let id = path_id(id, ErrorCode::UserNotFound)?;
    Ok((id, if_match.ok_or_else(|| ApiError::new(ErrorCode::PreconditionRequired))?))
}

fn changed(user: User) -> HttpResponse {
    let tag = ETag::of_version(user.version);
    HttpResponse::Ok().insert_header((header::ETAG, tag.as_str())).json(AccountView::from(user))
}

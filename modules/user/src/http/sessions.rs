//! `/api/v1/users/me/sessions`: where the account is logged in.

use actix_web::{HttpRequest, HttpResponse, delete, get, web};
use kernel::http::{ApiError, ErrorBody, Query, page_response, path_id};
use kernel::{ErrorCode, Page, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::member::Member;
use crate::domain::Session;
use crate::service::Service;

/// How far to walk a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Walk {
    /// Rows of a page, 1 to 100; 20 when absent.
    pub(super) limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// One login of the account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionView {
    /// Names it.
    id: SessionId,
    /// Whether it is the one that asks.
    current: bool,
    /// What the browser called itself.
    user_agent: Option<String>,
    /// When it began.
    created_at: Timestamp,
    /// When its tokens were last refreshed.
    last_used_at: Timestamp,
    /// When it ends unless its tokens are refreshed before.
    expires_at: Timestamp,
}

/// Where the account is logged in, the newest first.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    params(Walk),
    responses(
        (status = 200, description = "The logins", body = Page<SessionView>),
        (status = 400, description = "`INVALID_PARAMETER`, `INVALID_CURSOR`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
    )
)]
#[get("/api/v1/users/me/sessions")]
pub(super) async fn list_sessions(
    request: HttpRequest,
    service: web::Data<Service>,
    member: Member,
    walk: Query<Walk>,
) -> Result<HttpResponse, ApiError> {
    let list = format!("sessions of {}", member.user_id);
    let paging = service.cursors().paging(&list, walk.0.limit, walk.0.cursor.as_deref())?;
    let limit = paging.limit;
    let rows = service.sessions(member.user_id, paging).await?;
    let page = Page::cut(rows, limit, |last| service.cursors().encode(&list, &last.id));
    Ok(page_response(&request, &page.map(|session| SessionView::of(session, member.session_id))))
}

/// Ends one login of the account, at once for this module's routes; its access token is good elsewhere until it expires.
#[utoipa::path(
    tag = "user",
    security(("bearer" = [])),
    params(("id" = SessionId, Path, description = "The login")),
    responses(
        (status = 204, description = "Ended"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 404, description = "`SESSION_NOT_FOUND`", body = ErrorBody),
    )
)]
#[delete("/api/v1/users/me/sessions/{id}")]
pub(super) async fn end_session(
    service: web::Data<Service>,
    member: Member,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    service.end_session(member.user_id, path_id(&id, ErrorCode::SessionNotFound)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

// === impl SessionView ===

impl SessionView {
    fn of(session: Session, current: SessionId) -> Self {
        let Session { id, user_agent, created_at, last_used_at, expires_at } = session;
        Self { id, current: id == current, user_agent, created_at, last_used_at, expires_at }
    }
}

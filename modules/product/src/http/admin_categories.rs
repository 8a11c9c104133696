//! `/api/v1/admin/categories`: what staff do with categories.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use kernel::http::{ApiError, ETag, Effect, ErrorBody, IfMatch, Json, Login, path_id, versioned};
use kernel::idempotency::Answer;
use kernel::store::StoreError;
use kernel::{ErrorCode, Permission};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{nullable, tagged};
use crate::domain::CategoryId;
use crate::domain::draft::{CategoryChange, CategoryDraft, Problems};
use crate::domain::text::{Name, Slug};
use crate::error::Error;
use crate::service::Service;
use crate::store::categories::CategoryRow;

/// A category to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCategory {
    /// Its name in addresses; made from the name when it is absent.
    #[schema(example = "coffee-and-tea")]
    slug: Option<String>,
    /// Its name, 1 to 200 characters.
    #[schema(example = "Coffee and tea")]
    name: String,
    /// The category it stands below; absent at the top.
    parent_id: Option<CategoryId>,
    /// Where it stands among its siblings.
    #[serde(default)]
    position: i32,
}

/// What to change of a category; a field that is absent stays, a parent that is null puts it at the top.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CategoryPatch {
    /// Its name in addresses.
    slug: Option<String>,
    /// Its name.
    name: Option<String>,
    /// The category it stands below; not itself nor one below it.
    #[serde(default, deserialize_with = "nullable")]
    parent_id: Option<Option<CategoryId>>,
    /// Where it stands among its siblings.
    position: Option<i32>,
}

/// A category as staff see it. Its entity tag changes exactly when this does.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StaffCategory {
    /// Names it.
    id: CategoryId,
    /// The category it stands below; null at the top.
    parent_id: Option<CategoryId>,
    /// Names it in addresses.
    slug: String,
    /// Its name.
    name: String,
    /// Where it stands among its siblings.
    position: i32,
    /// Rises with each change.
    version: i32,
}

/// Makes a category.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "16 to 255 visible ASCII characters")),
    request_body = NewCategory,
    responses(
        (status = 201, description = "Made; `ETag` is its version", body = StaffCategory),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`, `IDEMPOTENCY_KEY_INVALID`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 409, description = "`SLUG_TAKEN`, `IDEMPOTENCY_IN_PROGRESS`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_KEY_REUSED`", body = ErrorBody),
    )
)]
#[post("/api/v1/admin/categories")]
pub(super) async fn create_category(
    service: web::Data<Service>,
    login: Login,
    effect: Effect<NewCategory>,
) -> Result<Answer, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let key = effect.key();
    Ok(service.create_category(effect.body.parse()?, key, made).await?)
}

fn made(row: &CategoryRow) -> Result<Answer, StoreError> {
    let answer = Answer::json(StatusCode::CREATED, &StaffCategory::from(row.clone()))?;
    Ok(answer
        .header(header::LOCATION.as_str(), format!("/api/v1/admin/categories/{}", row.id))
        .header(header::ETAG.as_str(), ETag::of_version(row.version).as_str()))
}

/// One category.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(("id" = CategoryId, Path, description = "The category")),
    responses(
        (status = 200, description = "The category; `ETag` is its version", body = StaffCategory),
        (status = 304, description = "It is the one in `If-None-Match`"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`CATEGORY_NOT_FOUND`", body = ErrorBody),
    )
)]
#[get("/api/v1/admin/categories/{id}")]
pub(super) async fn read_staff_category(
    request: HttpRequest,
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let row = service.category(path_id(&id, ErrorCode::CategoryNotFound)?).await?;
    let version = row.version;
    versioned(&request, &StaffCategory::from(row), version)
}

/// Changes a category.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(
        ("id" = CategoryId, Path, description = "The category"),
        ("If-Match" = String, Header, description = "`ETag` of the category as it was read"),
    ),
    request_body = CategoryPatch,
    responses(
        (status = 200, description = "The category as it is now, with its new `ETag`", body = StaffCategory),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`CATEGORY_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`SLUG_TAKEN`", body = ErrorBody),
        (status = 412, description = "`PRECONDITION_FAILED`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`, also when it would stand below itself", body = ErrorBody),
        (status = 428, description = "`PRECONDITION_REQUIRED`", body = ErrorBody),
    )
)]
#[patch("/api/v1/admin/categories/{id}")]
pub(super) async fn change_category(
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
    if_match: IfMatch,
    body: Json<CategoryPatch>,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let id = path_id(&id, ErrorCode::CategoryNotFound)?;
    let row = service.change_category(id, if_match.into(), body.0.parse()?).await?;
    Ok(tagged(StatusCode::OK, row.version, &StaffCategory::from(row)))
}

/// Deletes a category in which nothing stands, neither products of any status nor other categories.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(
        ("id" = CategoryId, Path, description = "The category"),
        ("If-Match" = String, Header, description = "`ETag` of the category as it was read"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`CATEGORY_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`CATEGORY_NOT_EMPTY`", body = ErrorBody),
        (status = 412, description = "`PRECONDITION_FAILED`", body = ErrorBody),
        (status = 428, description = "`PRECONDITION_REQUIRED`", body = ErrorBody),
    )
)]
#[delete("/api/v1/admin/categories/{id}")]
pub(super) async fn delete_category(
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
    if_match: IfMatch,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let id = path_id(&id, ErrorCode::CategoryNotFound)?;
    service.delete_category(id, if_match.into()).await?;
    Ok(HttpResponse::NoContent().finish())
}

// === impl NewCategory ===

impl NewCategory {
    fn parse(&self) -> Result<CategoryDraft, Error> {
        let mut problems = Problems::default();
        let name = problems.take("name", Name::parse(&self.name));
        let slug = match &self.slug {
            Some(slug) => problems.take("slug", Slug::parse(slug)),
            None => name.as_ref().and_then(|name| problems.take("slug", Slug::of_name(name.as_str()))),
        };
        let Self { parent_id, position, .. } = *self;
        let draft = slug.zip(name);
        let draft = draft.map(|(slug, name)| CategoryDraft { slug, name, parent_id, position });
        problems.finish(draft).map_err(Error::Invalid)
    }
}

// === impl CategoryPatch ===

impl CategoryPatch {
    fn parse(&self) -> Result<CategoryChange, Error> {
        let mut problems = Problems::default();
        let slug = problems.take_if("slug", self.slug.as_deref().map(Slug::parse));
        let name = problems.take_if("name", self.name.as_deref().map(Name::parse));
        let Self { parent_id, position, .. } = *self;
        let change = slug.zip(name);
        let change = change.map(|(slug, name)| CategoryChange { slug, name, parent_id, position });
        problems.finish(change).map_err(Error::Invalid)
    }
}

// === impl StaffCategory ===

impl From<CategoryRow> for StaffCategory {
    fn from(row: CategoryRow) -> Self {
        let CategoryRow { id, parent_id, slug, name, position, version } = row;
        Self { id, parent_id, slug, name, position, version }
    }
}

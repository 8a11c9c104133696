//! `/api/v1/admin/products`: what staff do with products.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, delete, get, patch, post, web};
use kernel::http::{
    ApiError, ETag, Effect, ErrorBody, IfMatch, Json, Login, Query, page_response, path_id, versioned,
};
use kernel::idempotency::Answer;
use kernel::store::StoreError;
use kernel::{ErrorCode, Page, Permission, ProductId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::admin_variants::NewVariant;
use super::views::{StaffProductListItem, StaffProductView};
use super::{invalid_parameter, nullable, tagged};
use crate::domain::CategoryId;
use crate::domain::draft::{MOST_VARIANTS, Problems, ProductChange, ProductDraft};
use crate::domain::search::parse_query;
use crate::domain::status::ProductStatus;
use crate::domain::text::{Description, ImageUrl, Name, Slug};
use crate::error::Error;
use crate::service::{Service, StaffProduct};
use crate::store::catalog::{Filter, Position, Sort};

/// Which products.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct StaffProductsQuery {
    /// Only those of this status.
    status: Option<ProductStatus>,
    /// Words that must all be found; the best fit comes first then, or else the newest.
    q: Option<String>,
    /// Most products of the page, 1 to 100; 20 when it is absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A product to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewProduct {
    /// Its name in addresses; made from the name when it is absent.
    #[schema(example = "stoneware-mug")]
    slug: Option<String>,
    /// Its name, 1 to 200 characters.
    #[schema(example = "Stoneware Mug")]
    name: String,
    /// What there is to say of it, up to 10 000 characters.
    #[serde(default)]
    description: String,
    /// Its picture: an `https:` or `http:` address, or a path on this shop.
    image_url: Option<String>,
    /// Where it stands.
    category_id: Option<CategoryId>,
    /// Whether it is in the shop; `draft` when it is absent.
    status: Option<ProductStatus>,
    /// Its variants, 1 to 100, in the order they are shown.
    variants: Vec<NewVariant>,
}

/// What to change of a product; a field that is absent stays, an optional one that is null is cleared.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductPatch {
    /// Its name in addresses.
    slug: Option<String>,
    /// Its name.
    name: Option<String>,
    /// What there is to say of it.
    description: Option<String>,
    /// Its picture.
    #[serde(default, deserialize_with = "nullable")]
    image_url: Option<Option<String>>,
    /// Where it stands.
    #[serde(default, deserialize_with = "nullable")]
    category_id: Option<Option<CategoryId>>,
    /// Whether it is in the shop.
    status: Option<ProductStatus>,
}

/// Products of any status. For staff that keep the catalogue.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(StaffProductsQuery),
    responses(
        (status = 200, description = "A page of products", body = Page<StaffProductListItem>),
        (status = 400, description = "`INVALID_PARAMETER`, `INVALID_CURSOR`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
    )
)]
#[get("/api/v1/admin/products")]
pub(super) async fn list_staff_products(
    request: HttpRequest,
    service: web::Data<Service>,
    login: Login,
    query: Query<StaffProductsQuery>,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let StaffProductsQuery { status, q, limit, cursor } = query.0;
    let list = format!("staff products {status:?} {q:?}");
    let paging = service.cursors().paging::<Position>(&list, limit, cursor.as_deref())?;
    let words = q.as_deref().map(parse_query).transpose();
    let words = words.map_err(|error| invalid_parameter("q", error))?.flatten();
    let filter = Filter { status, words, ..Service::everything_on_sale() };
    let currency = filter.currency;
    let page = service
        .list_products(filter, Sort::Relevance, paging.after, paging.limit, |last| {
            service.cursors().encode(&list, last)
        })
        .await?;
    Ok(page_response(&request, &page.map(|listed| StaffProductListItem::of(listed, currency))))
}

/// Makes a product with its variants, their prices and their opening stock.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "16 to 255 visible ASCII characters")),
    request_body = NewProduct,
    responses(
        (status = 201, description = "Made; `ETag` is its version", body = StaffProductView),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`, `IDEMPOTENCY_KEY_INVALID`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 409, description = "`SLUG_TAKEN`, `SKU_TAKEN`, `IDEMPOTENCY_IN_PROGRESS`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`, `IDEMPOTENCY_KEY_REUSED`", body = ErrorBody),
    )
)]
#[post("/api/v1/admin/products")]
pub(super) async fn create_product(
    service: web::Data<Service>,
    login: Login,
    effect: Effect<NewProduct>,
) -> Result<Answer, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let key = effect.key();
    Ok(service.create_product(effect.body.parse()?, login.user_id, key, made).await?)
}

fn made(staff: &StaffProduct) -> Result<Answer, StoreError> {
    let answer = Answer::json(StatusCode::CREATED, &StaffProductView::from(staff.clone()))?;
    Ok(answer
        .header(header::LOCATION.as_str(), format!("/api/v1/admin/products/{}", staff.product.id))
        .header(header::ETAG.as_str(), ETag::of_version(staff.product.version).as_str()))
}

/// A product of any status with all its variants.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(("id" = ProductId, Path, description = "The product")),
    responses(
        (status = 200, description = "The product; `ETag` is its version", body = StaffProductView),
        (status = 304, description = "It is the one in `If-None-Match`"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`PRODUCT_NOT_FOUND`", body = ErrorBody),
    )
)]
#[get("/api/v1/admin/products/{id}")]
pub(super) async fn read_staff_product(
    request: HttpRequest,
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let staff = service.staff_product(path_id(&id, ErrorCode::ProductNotFound)?).await?;
    let version = staff.product.version;
    versioned(&request, &StaffProductView::from(staff), version)
}

/// Changes a product.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(
        ("id" = ProductId, Path, description = "The product"),
        ("If-Match" = String, Header, description = "`ETag` of the product as it was read"),
    ),
    request_body = ProductPatch,
    responses(
        (status = 200, description = "The product as it is now, with its new `ETag`", body = StaffProductView),
        (status = 400, description = "`MALFORMED_JSON`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`PRODUCT_NOT_FOUND`", body = ErrorBody),
        (status = 409, description = "`SLUG_TAKEN`", body = ErrorBody),
        (status = 412, description = "`PRECONDITION_FAILED`", body = ErrorBody),
        (status = 422, description = "`VALIDATION_FAILED`", body = ErrorBody),
        (status = 428, description = "`PRECONDITION_REQUIRED`", body = ErrorBody),
    )
)]
#[patch("/api/v1/admin/products/{id}")]
pub(super) async fn change_product(
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
    if_match: IfMatch,
    body: Json<ProductPatch>,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let id = path_id(&id, ErrorCode::ProductNotFound)?;
    let staff = service.change_product(id, if_match.into(), body.0.parse()?).await?;
    Ok(tagged(StatusCode::OK, staff.product.version, &StaffProductView::from(staff)))
}

/// Takes a product out of the shop. It stays for the orders that name it, and can be put back by changing its status.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    params(
        ("id" = ProductId, Path, description = "The product"),
        ("If-Match" = String, Header, description = "`ETag` of the product as it was read"),
    ),
    responses(
        (status = 204, description = "Archived; `ETag` is its new version"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 404, description = "`PRODUCT_NOT_FOUND`", body = ErrorBody),
        (status = 412, description = "`PRECONDITION_FAILED`", body = ErrorBody),
        (status = 428, description = "`PRECONDITION_REQUIRED`", body = ErrorBody),
    )
)]
#[delete("/api/v1/admin/products/{id}")]
pub(super) async fn archive_product(
    service: web::Data<Service>,
    login: Login,
    id: web::Path<String>,
    if_match: IfMatch,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let id = path_id(&id, ErrorCode::ProductNotFound)?;
    let staff = service.archive_product(id, if_match.into()).await?;
    let tag = ETag::of_version(staff.product.version);
    Ok(HttpResponse::NoContent().insert_header((header::ETAG, tag.as_str())).finish())
}

// === impl NewProduct ===

impl NewProduct {
    fn parse(&self) -> Result<ProductDraft, Error> {
        let mut problems = Problems::default();
        let name = problems.take("name", Name::parse(&self.name));
        let slug = match &self.slug {
            Some(slug) => problems.take("slug", Slug::parse(slug)),
            // A name that is wrong was told already.
            None => name.as_ref().and_then(|name| problems.take("slug", Slug::of_name(name.as_str()))),
        };
        let description = problems.take("description", Description::parse(&self.description));
        let image_url = problems.take_if("image_url", self.image_url.as_deref().map(ImageUrl::parse));
        if self.variants.is_empty() || self.variants.len() > MOST_VARIANTS {
            problems.add("variants", format!("must have 1 to {MOST_VARIANTS} entries"));
        }
        let mut variants = Vec::new();
        for (place, variant) in self.variants.iter().enumerate().take(MOST_VARIANTS) {
            variants.extend(variant.parse(&mut problems, &format!("variants[{place}].")));
            if self.variants.iter().take(place).any(|other| other.sku == variant.sku) {
                problems.add(format!("variants[{place}].sku"), "stands there twice");
            }
        }
        let texts = slug.zip(name).zip(description).zip(image_url);
        let draft = texts.map(|(((slug, name), description), image_url)| ProductDraft {
            slug,
            name,
            description,
            image_url,
            category_id: self.category_id,
            status: self.status.unwrap_or(ProductStatus::Draft),
            variants,
        });
        problems.finish(draft).map_err(Error::Invalid)
    }
}

// === impl ProductPatch ===

impl ProductPatch {
    fn parse(&self) -> Result<ProductChange, Error> {
        let mut problems = Problems::default();
        let slug = problems.take_if("slug", self.slug.as_deref().map(Slug::parse));
        let name = problems.take_if("name", self.name.as_deref().map(Name::parse));
        let description =
            problems.take_if("description", self.description.as_deref().map(Description::parse));
        let image_url = self.image_url.as_ref().map(|url| url.as_deref().map(ImageUrl::parse).transpose());
        let image_url = problems.take_if("image_url", image_url);
        let texts = slug.zip(name).zip(description).zip(image_url);
        let change = texts.map(|(((slug, name), description), image_url)| ProductChange {
            slug,
            name,
            description,
            image_url,
            category_id: self.category_id,
            status: self.status,
        });
        problems.finish(change).map_err(Error::Invalid)
    }
}

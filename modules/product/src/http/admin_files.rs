//! `/api/v1/admin/products/{import,export}`: the catalogue as a file.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use kernel::http::{ApiError, ErrorBody, Login};
use kernel::{Detail, ErrorCode, Permission};
use serde::Serialize;
use utoipa::ToSchema;

use crate::service::{Imported, Service};

const CSV: &str = "text/csv";

/// What became of a file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportReport {
    /// Products that are new.
    products_created: usize,
    /// Products of which something is new, be it a variant or a price.
    products_changed: usize,
    /// Products that were as the file says.
    products_unchanged: usize,
    /// Variants that are new.
    variants_created: usize,
    /// Categories that are new.
    categories_created: usize,
}

/// Takes in a file of products: all of it or, when a line is wrong, nothing.
///
/// Comma-separated values in UTF-8 with a header, one line for each price of a variant, columns in any order:
/// `product_slug,product_name,description,category_slug,sku,variant_name,price,currency,stock,status`, and optionally
/// `variant_status,image_url`. Products and variants that exist, by slug and SKU, are changed, others are made. `category_slug` may be a
/// path such as `home/kitchen`; what is missing of it is made. `price` is decimal text. `stock` is the opening stock of a variant that is
/// made; for one that exists it is not looked at. What the file does not name stays as it is.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    request_body(content = String, content_type = "text/csv"),
    responses(
        (status = 200, description = "Taken in", body = ImportReport),
        (status = 400, description = "`MALFORMED_CSV`, with line and column of up to 100 mistakes", body = ErrorBody),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
        (status = 413, description = "`REQUEST_TOO_LARGE`", body = ErrorBody),
        (status = 415, description = "`UNSUPPORTED_MEDIA_TYPE`", body = ErrorBody),
    )
)]
#[post("/api/v1/admin/products/import")]
pub(super) async fn import_products(
    request: HttpRequest,
    service: web::Data<Service>,
    login: Login,
    body: web::Payload,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case(CSV) {
        return Err(ApiError::new(ErrorCode::UnsupportedMediaType));
    }
    let mebibytes = service.settings().import_limit_mib;
    let limit = usize::try_from(mebibytes).unwrap_or(usize::MAX).saturating_mul(1 << 20);
    let file = body
        .to_bytes_limited(limit)
        .await
        .map_err(|_larger| {
            let detail = Detail::of("body", format!("a file may have {mebibytes} MiB"));
            ApiError::new(ErrorCode::RequestTooLarge).detail(detail)
        })?
        .map_err(|_cut_off| {
            ApiError::new(ErrorCode::MalformedCsv).message("The file did not arrive in full.")
        })?;
    let imported = service.import(file.to_vec(), Some(login.user_id)).await?;
    Ok(HttpResponse::Ok().json(ImportReport::from(imported)))
}

/// Gives out all products, of any status, as a file that can be taken in again.
#[utoipa::path(
    tag = "product",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/csv"),
        (status = 401, description = "`AUTHENTICATION_REQUIRED`, `TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 403, description = "`ACCESS_DENIED`", body = ErrorBody),
    )
)]
#[get("/api/v1/admin/products/export")]
pub(super) async fn export_products(
    service: web::Data<Service>,
    login: Login,
) -> Result<HttpResponse, ApiError> {
    login.require(Permission::ManageCatalog)?;
    let file = service.export().await?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8; header=present")
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"catalogue.csv\""))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(file))
}

// === impl ImportReport ===

impl From<Imported> for ImportReport {
    fn from(imported: Imported) -> Self {
        let Imported {
            products_created,
            products_changed,
            products_unchanged,
            variants_created,
            categories_created,
        } = imported;
        Self { products_created, products_changed, products_unchanged, variants_created, categories_created }
    }
}

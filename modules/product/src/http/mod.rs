//! The public routes.

mod admin_categories;
mod admin_files;
mod admin_products;
mod admin_stock;
mod admin_variants;
mod categories;
mod products;
mod reviews;
mod views;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use kernel::http::{ApiError, ETag};
use kernel::{Detail, ErrorCode};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::service::Service;
use crate::store::details::ProductRef;

/// Adds the routes. Those with a fixed last part stand before those that take any.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(products::list_products)
        .service(products::read_product)
        .service(products::read_availability)
        .service(reviews::list_reviews)
        .service(reviews::create_review)
        .service(reviews::change_review)
        .service(reviews::delete_review)
        .service(categories::list_categories)
        .service(admin_files::import_products)
        .service(admin_files::export_products)
        .service(admin_products::list_staff_products)
        .service(admin_products::create_product)
        .service(admin_variants::create_variant)
        .service(admin_products::read_staff_product)
        .service(admin_products::change_product)
        .service(admin_products::archive_product)
        .service(admin_variants::read_staff_variant)
        .service(admin_variants::change_variant)
        .service(admin_variants::archive_variant)
        .service(admin_variants::set_price)
        .service(admin_categories::create_category)
        .service(admin_categories::read_staff_category)
        .service(admin_categories::change_category)
        .service(admin_categories::delete_category)
        .service(admin_stock::read_stock)
        .service(admin_stock::list_movements)
        .service(admin_stock::adjust_stock);
}

/// Reads how an address names a product. What can be neither id nor slug names none.
fn product_ref(text: &str) -> Result<ProductRef, ApiError> {
    ProductRef::parse(text).ok_or_else(|| ApiError::new(ErrorCode::ProductNotFound))
}

/// Lets anybody keep an answer of the catalogue for a while, unless it was given to somebody who logged in.
fn cacheable(request: &HttpRequest, service: &Service, mut response: HttpResponse) -> HttpResponse {
    let value = if request.headers().contains_key(header::AUTHORIZATION) {
        Ok(HeaderValue::from_static("private, no-store"))
    } else {
        HeaderValue::from_str(&format!("public, max-age={}", service.settings().cache_seconds))
    };
    if let Ok(value) = value {
        response.headers_mut().insert(header::CACHE_CONTROL, value);
    }
    response
}

/// Answers a resource with the tag of its version.
fn tagged(status: StatusCode, version: i32, resource: &impl Serialize) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((header::ETAG, ETag::of_version(version).as_str()))
        .json(resource)
}

/// A parameter has a value that is not allowed.
fn invalid_parameter(name: &str, problem: impl std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::InvalidParameter).detail(Detail::of(name, problem.to_string()))
}

/// Tells a field that is null (`Some(None)`) from one that is absent (`None`).
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests;

//! `/api/v1/categories`: the tree of categories.

use actix_web::{HttpRequest, HttpResponse, get, web};
use kernel::http::{ApiError, conditional};
use serde::Serialize;
use utoipa::ToSchema;

use super::cacheable;
use crate::domain::CategoryId;
use crate::service::{CategoryView, Service};

/// All categories.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CategoryList {
    /// The categories, each before those below it; siblings in their order.
    data: Vec<CategoryItem>,
}

/// A category.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CategoryItem {
    /// Names it.
    id: CategoryId,
    /// The category it stands below; null at the top.
    parent_id: Option<CategoryId>,
    /// Names it in addresses and filters.
    #[schema(example = "coffee-and-tea")]
    slug: String,
    /// Its name.
    #[schema(example = "Coffee and tea")]
    name: String,
    /// Where it stands among its siblings.
    position: i32,
    /// Products on sale in it or below it.
    product_count: i64,
}

/// All categories with the number of products on sale.
#[utoipa::path(
    tag = "product",
    responses(
        (status = 200, description = "The categories", body = CategoryList),
        (status = 304, description = "They are those in `If-None-Match`"),
    )
)]
#[get("/api/v1/categories")]
pub(super) async fn list_categories(
    request: HttpRequest,
    service: web::Data<Service>,
) -> Result<HttpResponse, ApiError> {
    let data = service.categories().await?.into_iter().map(CategoryItem::from).collect();
    let response = conditional(&request, &CategoryList { data })?;
    Ok(cacheable(&request, &service, response))
}

// === impl CategoryItem ===

impl From<CategoryView> for CategoryItem {
    fn from(view: CategoryView) -> Self {
        let CategoryView { category, product_count } = view;
        Self {
            id: category.id,
            parent_id: category.parent_id,
            slug: category.slug,
            name: category.name,
            position: category.position,
            product_count,
        }
    }
}

//! `/api/v1/products`: the catalogue.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use kernel::http::{ApiError, ErrorBody, Query, conditional, page_response};
use kernel::{Currency, Page, ProductId, VariantId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::{ProductListItem, ProductView};
use super::{cacheable, invalid_parameter, product_ref};
use crate::domain::price::parse_amount;
use crate::domain::rating::parse_hundredths;
use crate::domain::search::parse_query;
use crate::domain::text::Slug;
use crate::service::Service;
use crate::store::catalog::{Filter, Position, Sort};

/// Most products that can be asked for by id.
const MOST_IDS: usize = 100;

/// Which products, and in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ProductsQuery {
    /// Words that must all be found in name, category, SKU or description; of the last one the beginning is enough.
    q: Option<String>,
    /// Slug of a category: products in it or anywhere below it.
    category: Option<String>,
    /// Lowest price of at least this, in minor units.
    #[serde(rename = "price[gte]")]
    price_from: Option<i64>,
    /// Lowest price of at most this, in minor units.
    #[serde(rename = "price[lte]")]
    price_to: Option<i64>,
    /// Currency of the prices; EUR when it is absent.
    currency: Option<Currency>,
    /// Only products in stock, or only those that are not.
    in_stock: Option<bool>,
    /// Mean rating of at least this, such as `4` or `4.5`.
    #[serde(rename = "rating[gte]")]
    rating_from: Option<String>,
    /// Up to 100 ids, joined by commas. The page is as long as the list then, unless `limit` says otherwise.
    ids: Option<String>,
    /// The order. `relevance` when there is a `q`, or else `-created_at`.
    sort: Option<SortParameter>,
    /// Most products of the page, 1 to 100; 20 when it is absent.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// An order; `-` turns it round. Sorted by price, products without one in the currency are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
pub(super) enum SortParameter {
    /// What fits `q` best first.
    #[serde(rename = "relevance")]
    Relevance,
    /// The newest first.
    #[serde(rename = "-created_at")]
    Newest,
    /// The oldest first.
    #[serde(rename = "created_at")]
    Oldest,
    /// The cheapest first.
    #[serde(rename = "price")]
    Cheapest,
    /// The dearest first.
    #[serde(rename = "-price")]
    Dearest,
    /// By name.
    #[serde(rename = "name")]
    Name,
    /// By name, backwards.
    #[serde(rename = "-name")]
    NameBackwards,
    /// The best rated first.
    #[serde(rename = "-rating")]
    BestRated,
}

/// What could be bought right now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Availability {
    /// The product.
    product_id: ProductId,
    /// Its variants on sale.
    variants: Vec<VariantAvailability>,
}

/// Units of a variant that could be bought right now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VariantAvailability {
    /// The variant.
    variant_id: VariantId,
    /// The units.
    available: i64,
}

/// Products on sale.
#[utoipa::path(
    tag = "product",
    params(ProductsQuery),
    responses(
        (status = 200, description = "A page of products", body = Page<ProductListItem>),
        (status = 400, description = "`INVALID_PARAMETER`, `INVALID_CURSOR`, `UNKNOWN_PARAMETER`", body = ErrorBody),
    )
)]
#[get("/api/v1/products")]
pub(super) async fn list_products(
    request: HttpRequest,
    service: web::Data<Service>,
    query: Query<ProductsQuery>,
) -> Result<HttpResponse, ApiError> {
    let query = query.0;
    let list = query.list();
    let sort = query.sort();
    let filter = query.filter(&service).await?;
    let limit = query.limit.or_else(|| filter.ids.as_ref().and_then(|ids| u32::try_from(ids.len()).ok()));
    let paging = service.cursors().paging::<Position>(&list, limit, query.cursor.as_deref())?;
    let currency = filter.currency;
    let page = service
        .list_products(filter, sort, paging.after, paging.limit, |last| service.cursors().encode(&list, last))
        .await?;
    let response = page_response(&request, &page.map(|listed| ProductListItem::of(listed, currency)));
    Ok(cacheable(&request, &service, response))
}

/// A product on sale, by id or slug.
#[utoipa::path(
    tag = "product",
    params(("id_or_slug" = String, Path, description = "Its id or its slug")),
    responses(
        (status = 200, description = "The product", body = ProductView),
        (status = 304, description = "It is the one in `If-None-Match`"),
        (status = 404, description = "`PRODUCT_NOT_FOUND`", body = ErrorBody),
    )
)]
#[get("/api/v1/products/{id_or_slug}")]
pub(super) async fn read_product(
    request: HttpRequest,
    service: web::Data<Service>,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let page = service.product_page(product_ref(&name)?).await?;
    let response = conditional(&request, &ProductView::from(page))?;
    Ok(cacheable(&request, &service, response))
}

/// What could be bought of a product right now. Never cached, and holds that ran out count as free.
#[utoipa::path(
    tag = "product",
    params(("id_or_slug" = String, Path, description = "Its id or its slug")),
    responses(
        (status = 200, description = "The units of each variant", body = Availability),
        (status = 404, description = "`PRODUCT_NOT_FOUND`", body = ErrorBody),
    )
)]
#[get("/api/v1/products/{id_or_slug}/availability")]
pub(super) async fn read_availability(
    service: web::Data<Service>,
    name: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let (product_id, variants) = service.availability(product_ref(&name)?).await?;
    let variants = variants
        .into_iter()
        .map(|variant| VariantAvailability { variant_id: variant.variant_id, available: variant.available })
        .collect();
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Availability { product_id, variants }))
}

// === impl ProductsQuery ===

impl ProductsQuery {
    /// Names the list for its cursors: everything but how far it was walked.
    fn list(&self) -> String {
        let Self { q, category, price_from, price_to, currency, in_stock, rating_from, ids, sort, .. } = self;
        format!(
            "products {q:?} {category:?} {price_from:?} {price_to:?} {currency:?} {in_stock:?} {rating_from:?} \
             {ids:?} {sort:?}"
        )
    }

    fn sort(&self) -> Sort {
        match self.sort {
            // Without words to fit, that is the newest first.
            None | Some(SortParameter::Relevance) => Sort::Relevance,
            Some(SortParameter::Newest) => Sort::Newest,
            Some(SortParameter::Oldest) => Sort::Oldest,
            Some(SortParameter::Cheapest) => Sort::Cheapest,
            Some(SortParameter::Dearest) => Sort::Dearest,
            Some(SortParameter::Name) => Sort::Name,
            Some(SortParameter::NameBackwards) => Sort::NameBackwards,
            Some(SortParameter::BestRated) => Sort::BestRated,
        }
    }

    async fn filter(&self, service: &Service) -> Result<Filter, ApiError> {
        let amount = |name: &'static str, amount: Option<i64>| {
            amount
                .map(|amount| parse_amount(amount).map_err(|error| invalid_parameter(name, error)))
                .transpose()
        };
        let words = self.q.as_deref().map(parse_query).transpose();
        let rating = self.rating_from.as_deref().map(parse_hundredths).transpose();
        Ok(Filter {
            words: words.map_err(|error| invalid_parameter("q", error))?.flatten(),
            currency: self.currency.unwrap_or(Currency::EUR),
            price_from: amount("price[gte]", self.price_from)?,
            price_to: amount("price[lte]", self.price_to)?,
            in_stock: self.in_stock,
            rating_from: rating.map_err(|error| invalid_parameter("rating[gte]", error))?,
            ids: self.ids.as_deref().map(parse_ids).transpose()?,
            categories: match &self.category {
                Some(slug) => {
                    let slug = Slug::parse(slug).map_err(|error| invalid_parameter("category", error))?;
                    Some(service.categories_under(slug.into_string()).await?)
                }
                None => None,
            },
            ..Service::everything_on_sale()
        })
    }
}

fn parse_ids(text: &str) -> Result<Vec<ProductId>, ApiError> {
    let ids = text.split(',').map(str::parse).collect::<Result<Vec<ProductId>, _>>();
    let ids = ids.map_err(|error| invalid_parameter("ids", error))?;
    if ids.len() > MOST_IDS {
        return Err(invalid_parameter("ids", format!("must be at most {MOST_IDS}")));
    }
    Ok(ids)
}

//! `/bff/web` and `/bff/mobile`.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get, web};
use kernel::Currency;
use kernel::http::{ApiError, ErrorBody, Query, conditional};
use product_contract::ProductName;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Bff;
use super::parts::Part;
use super::views::{CartPart, CustomerPart, MobilePage, ProductPart, ReviewPart, WebPage};
use super::visitor::Visitor;

/// Takes no parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// How an app wants its page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct MobileQuery {
    /// Currency of the prices; EUR when it is absent.
    currency: Option<Currency>,
}

/// A product's page for a browser: the product, the newest reviews and, for who has logged in, their name, their cart and
/// whether they have bought it. Survives modules that do not answer.
#[utoipa::path(
    tag = "bff",
    security((), ("bearer" = [])),
    params(("id_or_slug" = String, Path, description = "The product's id or slug")),
    responses(
        (status = 200, description = "The page; `missing` names what could not be had", body = WebPage),
        (status = 304, description = "It is the one in `If-None-Match`"),
        (status = 400, description = "`UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 404, description = "`PRODUCT_NOT_FOUND`", body = ErrorBody),
        (status = 503, description = "`MODULE_UNAVAILABLE`: and no copy of the product is known", body = ErrorBody),
    )
)]
#[get("/bff/web/products/{id_or_slug}")]
pub(super) async fn web_product(
    request: HttpRequest,
    bff: web::Data<Bff>,
    visitor: Visitor,
    name: web::Path<String>,
    _nothing: Query<Nothing>,
) -> Result<HttpResponse, ApiError> {
    let name = ProductName(name.into_inner());
    let product_and_bought = async {
        let shown = bff.product(&visitor, &name).await?;
        let bought = bff.bought(&visitor, shown.product.id).await;
        Ok::<_, ApiError>((shown, bought))
    };
    let (product, reviews, customer, cart) = tokio::join!(
        product_and_bought,
        bff.reviews(&visitor, &name),
        bff.customer(&visitor),
        bff.cart(&visitor)
    );
    let (shown, bought) = product?;
    let mut missing = Vec::new();
    let reviews = reviews.or_missing("reviews", &mut missing);
    let customer = customer.or_missing("customer", &mut missing);
    let cart = cart.or_missing("cart", &mut missing);
    let bought = bought.or_missing("bought", &mut missing);
    let page = WebPage {
        product: ProductPart::from(&*shown.product),
        reviews: reviews.map(|reviews| reviews.into_iter().map(ReviewPart::from).collect()),
        customer: customer.map(CustomerPart::from),
        cart: cart.map(CartPart::from),
        bought,
        stale_seconds: shown.stale.map(|age| age.as_secs()),
        missing,
    };
    Ok(personal(conditional(&request, &page)?))
}

/// A product's page for an app. Survives modules that do not answer.
#[utoipa::path(
    tag = "bff",
    security((), ("bearer" = [])),
    params(("id_or_slug" = String, Path, description = "The product's id or slug"), MobileQuery),
    responses(
        (status = 200, description = "The page; `missing` names what could not be had", body = MobilePage),
        (status = 304, description = "It is the one in `If-None-Match`"),
        (status = 400, description = "`INVALID_PARAMETER`, `UNKNOWN_PARAMETER`", body = ErrorBody),
        (status = 401, description = "`TOKEN_EXPIRED`, `TOKEN_INVALID`", body = ErrorBody),
        (status = 404, description = "`PRODUCT_NOT_FOUND`", body = ErrorBody),
        (status = 503, description = "`MODULE_UNAVAILABLE`: and no copy of the product is known", body = ErrorBody),
    )
)]
#[get("/bff/mobile/products/{id_or_slug}")]
pub(super) async fn mobile_product(
    request: HttpRequest,
    bff: web::Data<Bff>,
    visitor: Visitor,
    name: web::Path<String>,
    query: Query<MobileQuery>,
) -> Result<HttpResponse, ApiError> {
    let name = ProductName(name.into_inner());
    let (shown, cart): (_, Part<_>) = tokio::join!(bff.product(&visitor, &name), bff.cart(&visitor));
    let (shown, mut missing) = (shown?, Vec::new());
    let cart = cart.or_missing("cart", &mut missing);
    let page = MobilePage::of(&shown, query.0.currency.unwrap_or(Currency::EUR), cart, missing);
    Ok(personal(conditional(&request, &page)?))
}

/// Its own browser may keep it, and asks each time whether it is still the same.
fn personal(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("authorization"));
    response
}

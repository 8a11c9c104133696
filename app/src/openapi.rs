//! The OpenAPI document, generated from the routes, and the page to read it.

use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_actix_web::AppExt as _;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::host::Host;
use crate::{bff, gateway};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Banyan",
        description = "A shop backend. Errors have one shape and codes from one catalogue (`/errors/{code}`); effects take an \
            `Idempotency-Key` that is good for 24 hours; lists are paged by cursor.",
    ),
    components(schemas(kernel::http::ErrorBody, kernel::http::Problem)),
    tags(
        (name = "user", description = "Accounts, sessions, addresses"),
        (name = "product", description = "Catalogue, stock, reviews"),
        (name = "order", description = "Carts, orders, payments"),
        (name = "bff", description = "Pages for the shop's own clients, made of all modules"),
        (name = "platform", description = "Health, metrics, errors"),
    )
)]
struct Base;

/// Adds every route of the process. Only one that faces clients has pages for them.
pub(crate) fn routes(config: &mut ServiceConfig<'_>, host: &Host, faces_clients: bool) {
    for module in host.modules() {
        module.routes(config);
    }
    if faces_clients {
        bff::routes(config);
    }
    gateway::platform_routes(config);
}

/// What the document says beside its routes.
pub(crate) fn base() -> utoipa::openapi::OpenApi {
    let mut document = Base::openapi();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    document.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(bearer));
    document
}

/// The document of all routes.
pub(crate) fn document(host: &Host, faces_clients: bool) -> utoipa::openapi::OpenApi {
    let (_app, document) = actix_web::App::new()
        .into_utoipa_app()
        .openapi(base())
        .configure(|config| routes(config, host, faces_clients))
        .split_for_parts();
    document
}

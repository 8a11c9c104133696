//! What every request passes on its way to a module.
//!
//! ```text
//! request ─▶ id, trace, deadline ─▶ placement ─┬▶ HEAD as GET ─▶ module's route ─▶ errors rendered ─┬▶ log line, metrics ─▶ response
//!                                             └▶ forwarded to a node or a foreign application ─────┘
//! ```

mod away;
mod metrics;
mod names;
mod owner;
mod pass;
mod platform;
mod request_id;
mod routes;
mod shadow;

use actix_web::web;

pub(crate) use metrics::Metrics;
pub(crate) use owner::Owner;
pub(crate) use pass::{Limits, pass};
pub(crate) use platform::Ready;
pub(crate) use routes::Routes;
use utoipa_actix_web::service_config::ServiceConfig;

/// Adds the routes that belong to no module.
pub(crate) fn platform_routes(config: &mut ServiceConfig<'_>) {
    config
        .service(platform::healthz)
        .service(platform::readyz)
        .service(platform::metrics)
        .service(platform::error_code);
}

/// Answers what no route took: 405 if the address takes other methods, else 404.
pub(crate) async fn not_found(
    request: actix_web::HttpRequest,
    routes: web::Data<Routes>,
) -> Result<actix_web::HttpResponse, kernel::http::ApiError> {
    routes.refuse(&request)
}

//! The module's public routes.

mod admin;
mod carts;
mod checkout;
mod orders;
mod test_page;
mod views;
mod webhooks;

use kernel::http::{GuestToken, MaybeLogin};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::service::Visitor;

/// Adds the routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(carts::open)
        .service(carts::get)
        .service(carts::delete)
        .service(carts::set_item)
        .service(carts::remove_item)
        .service(carts::claim)
        .service(checkout::check_out)
        .service(orders::list)
        .service(orders::get)
        .service(orders::events)
        .service(orders::cancel)
        .service(orders::pay)
        .service(admin::list)
        .service(admin::saga)
        .service(admin::retry)
        .service(webhooks::receive)
        .service(test_page::show)
        .service(test_page::decide);
}

fn visitor(login: &MaybeLogin, guest: &GuestToken) -> Visitor {
    Visitor::new(login.0.as_deref().cloned(), guest.0.as_deref())
}

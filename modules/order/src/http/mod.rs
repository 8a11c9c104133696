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
        .service(carts::open_cart)
        .service(carts::get_cart)
        .service(carts::delete_cart)
        .service(carts::set_cart_item)
        .service(carts::remove_cart_item)
        .service(carts::claim_cart)
        .service(checkout::check_out)
        .service(orders::list_orders)
        .service(orders::get_order)
        .service(orders::list_order_events)
        .service(orders::cancel_order)
        .service(orders::pay_order)
        .service(admin::list_all_orders)
        .service(admin::get_saga)
        .service(admin::retry_saga)
        .service(webhooks::receive_webhook)
        .service(test_page::show_test_payment)
        .service(test_page::decide_test_payment);
}

fn visitor(login: &MaybeLogin, guest: &GuestToken) -> Visitor {
    Visitor::new(login.0.as_deref().cloned(), guest.0.as_deref())
}

//! Pages for the shop's own clients, each made of what several modules know (the pattern is known as backend for frontend).
//!
//! The modules are asked through their contracts alone, wherever they are, all at once and each within a part of the
//! request's time. A page survives a module that does not answer:
//!
//! | part | of | without it |
//! |---|---|---|
//! | product | the product module | the last known copy, marked as such (as RFC 5861, `stale-if-error`); without one 503 |
//! | reviews | the product module | `null`, and named in `missing` |
//! | customer | the user module | the same |
//! | cart, bought | the order module | the same |
//!
//! | file | role |
//! |---|---|
//! | `parts` | asks the modules |
//! | `last_known` | the copies |
//! | `visitor` | who is asking |
//! | `pages` | routes |
//! | `views` | what they answer |

mod last_known;
mod pages;
mod parts;
mod views;
mod visitor;

use actix_web::web;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::host::Handles;
use last_known::LastKnown;

/// What pages are made with. One for all workers.
pub(crate) struct Bff {
    handles: Handles,
    products: LastKnown,
}

impl Bff {
    /// Asks the modules by `handles`.
    pub(crate) fn new(handles: Handles) -> web::Data<Self> {
        web::Data::new(Self { handles, products: LastKnown::default() })
    }
}

/// Adds the routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(pages::web_product).service(pages::mobile_product);
}

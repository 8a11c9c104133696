//! The public routes.

mod addresses;
mod admin;
mod jwks;
mod login;
mod me;
mod member;
mod sessions;
mod users;

use actix_web::http::header::{self, HeaderValue};
use kernel::http::ApiError;
use serde::{Deserialize, Deserializer};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::Error;

/// Adds every route of the module. `/users/me` stands before `/users/{id}`, which would take it too.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(jwks::jwks)
        .service(login::login)
        .service(login::refresh)
        .service(login::logout)
        .service(me::read_me)
        .service(me::change_me)
        .service(me::change_password)
        .service(sessions::list_sessions)
        .service(sessions::end_session)
        .service(addresses::list_addresses)
        .service(addresses::create_address)
        .service(addresses::read_address)
        .service(addresses::change_address)
        .service(addresses::delete_address)
        .service(users::register)
        .service(users::read_user)
        .service(admin::list_users)
        .service(admin::set_roles)
        .service(admin::set_status);
}

/// The error, saying when to try again where that is known.
fn refused(error: Error) -> ApiError {
    let retry_after = match &error {
        Error::Throttled { retry_after } => Some(retry_after.as_secs().saturating_add(1)),
        _ => None,
    };
    let told = ApiError::from(error);
    match retry_after {
        Some(seconds) => told.header(header::RETRY_AFTER, HeaderValue::from(seconds)),
        None => told,
    }
}

/// Tells a field that is null (`Some(None)`) from one that is absent (`None`).
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests;

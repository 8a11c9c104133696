//! Routes that belong to no module.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::header;
use actix_web::{HttpResponse, get, web};
use kernel::ErrorCode;
use kernel::http::{ApiError, ErrorBody, Query};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Metrics;
use crate::host::Host;

/// Whether the process takes requests.
#[derive(Debug, Default)]
pub(crate) struct Ready(AtomicBool);

/// Whether each module can serve.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready` or `unavailable`.
    status: &'static str,
    /// For each module `ready`, `unavailable`, `stopping`, or `elsewhere` if its store is another process's.
    modules: BTreeMap<&'static str, &'static str>,
}

/// An entry of the catalogue of errors.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorCodeBody {
    code: ErrorCode,
    /// The HTTP status it comes with.
    status: u16,
    /// What it means.
    title: &'static str,
}

impl Ready {
    /// From now on, or no longer.
    pub(crate) fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }
}

/// Whether the process is alive.
#[utoipa::path(tag = "platform", responses((status = 200, body = String, content_type = "text/plain")))]
#[get("/healthz")]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Which module is asked about.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// Only this module. It must be here.
    module: Option<String>,
}

/// Whether every module that is here can serve.
#[utoipa::path(tag = "platform", params(About),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
#[get("/readyz")]
pub(crate) async fn readyz(
    host: web::Data<Host>,
    ready: web::Data<Ready>,
    Query(about): Query<About>,
) -> HttpResponse {
    let serving = ready.0.load(Ordering::Acquire);
    let mut modules = BTreeMap::new();
    let asked = |name: &str| about.module.as_ref().is_none_or(|module| module == name);
    for module in host.modules().into_iter().filter(|module| asked(module.name())) {
        let state = match module.ready().await {
            _ if module.store().place().is_none() => "elsewhere",
            Ok(()) if serving => "ready",
            Ok(()) => "stopping",
            Err(error) => {
                log::warn!("the {} module is not ready: {error}", module.name());
                "unavailable"
            }
        };
        modules.insert(module.name(), state);
    }
    let is_well = |state: &str| state == "ready" || state == "elsewhere" && about.module.is_none();
    let any = about.module.is_none() || !modules.is_empty();
    if serving && any && modules.values().all(|state| is_well(state)) {
        HttpResponse::Ok().json(Readiness { status: "ready", modules })
    } else {
        HttpResponse::ServiceUnavailable().json(Readiness { status: "unavailable", modules })
    }
}

/// Metrics in Prometheus' text format.
#[utoipa::path(tag = "platform", responses((status = 200, body = String, content_type = "text/plain")))]
#[get("/metrics")]
pub(crate) async fn metrics(metrics: web::Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(metrics.render())
}

/// What an error code means.
#[utoipa::path(tag = "platform", params(("code" = String, Path, example = "ORDER_NOT_FOUND")),
    responses((status = 200, body = ErrorCodeBody), (status = 404, body = ErrorBody)))]
#[get("/errors/{code}")]
pub(crate) async fn error_code(code: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let code: ErrorCode = code.parse().map_err(|()| ApiError::new(ErrorCode::ErrorCodeNotFound))?;
    Ok(HttpResponse::Ok().json(ErrorCodeBody { code, status: code.status(), title: code.title() }))
}

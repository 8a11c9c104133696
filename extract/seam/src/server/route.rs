//! The route, on actix-web.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use actix_web::guard::{self, GuardContext};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use kernel_types::{Caller, Executed};

use super::{Guard, Registry, UserRefused};
use crate::Reply;
use crate::wire::{ClaimedCaller, MOST_BYTES, Metadata, PREFIX};

/// A body that was not needed is read away up to this length, so that the connection can be used again: a caller with an
/// old route is turned away with every call until it learns of the new one.
const MOST_DRAINED: usize = 64 * 1024;
const DRAIN: Duration = Duration::from_secs(1);

/// Adds the internal route to an application: `App::configure(configure(registry, guard))`, once per worker.
///
/// Requests without a valid service token fall through to the application's default service.
pub fn configure(
    registry: Registry,
    guard: Arc<dyn Guard>,
) -> impl FnOnce(&mut web::ServiceConfig) + Clone + Send + 'static {
    move |config| {
        let admits = Arc::clone(&guard);
        config.service(
            web::resource("/_internal/{module}/{method}")
                .guard(guard::Post())
                .guard(guard::fn_guard(move |request| admitted(request, &*admits)))
                .app_data(web::Data::new(registry))
                .app_data(web::Data::from(guard))
                .route(web::to(answer)),
        );
    }
}

/// Whether the request carries a service token for the module that it names.
fn admitted(request: &GuardContext<'_>, guard: &dyn Guard) -> bool {
    let head = request.head();
    let token = text(&head.headers, header::AUTHORIZATION.as_str())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let module = head.uri.path().strip_prefix(PREFIX).and_then(|rest| rest.split('/').next());
    matches!((token, module), (Some(token), Some(module)) if guard.admits(token, module))
}

async fn answer(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    body: web::Payload,
    registry: web::Data<Registry>,
    guard: web::Data<dyn Guard>,
) -> HttpResponse {
    let (module, method) = path.into_inner();
    let mut unread = Some(body);
    let reply = match execute(&request, &module, &method, &mut unread, &registry, &**guard).await {
        Ok(reply) | Err(reply) => reply,
    };
    if let Some(body) = unread {
        // What is longer, or does not come, costs the connection.
        let _drained = tokio::time::timeout(DRAIN, body.to_bytes_limited(MOST_DRAINED)).await;
    }
    let (status, body) = reply.into_wire();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(body)
}

/// Both sides are replies; the error side is one that was given before the method ran. Takes the body once it is needed.
async fn execute(
    request: &HttpRequest,
    module: &str,
    method: &str,
    unread: &mut Option<web::Payload>,
    registry: &Registry,
    guard: &dyn Guard,
) -> Result<Reply, Reply> {
    let not_here = Reply::Unavailable { executed: Executed::No };
    let endpoint = registry.find(module).ok_or(not_here)?;
    let metadata =
        Metadata::read(|name| text(request.headers(), name)).map_err(|reason| Reply::Malformed { reason })?;
    endpoint.admit(&metadata)?;
    let deadline = metadata.deadline;
    let late = |_elapsed| Reply::TimedOut { executed: Executed::No };
    let prepared = async {
        let caller = caller(&metadata.caller, guard).await?;
        let Some(body) = unread.take() else { return Err(malformed("there is no body".to_owned())) };
        let body = match body.to_bytes_limited(MOST_BYTES).await {
            Ok(Ok(body)) => body,
            Ok(Err(broken)) => return Err(malformed(format!("the body broke off: {broken}"))),
            Err(_too_long) => return Err(malformed(format!("the body is longer than {MOST_BYTES} bytes"))),
        };
        Ok((caller, body))
    };
    let (caller, body) = tokio::time::timeout_at(deadline.into(), prepared).await.map_err(late)??;
    // The epoch may have changed while the body came.
    endpoint.admit(&metadata)?;
    Ok(endpoint.execute(method, metadata.context(caller), &body).await)
}

async fn caller(claimed: &ClaimedCaller, guard: &dyn Guard) -> Result<Caller, Reply> {
    match claimed {
        ClaimedCaller::Anonymous => Ok(Caller::Anonymous),
        ClaimedCaller::Module(name) => Ok(Caller::Module(Cow::Owned(name.clone()))),
        ClaimedCaller::User(token) => match guard.user(token).await {
            Ok(principal) => Ok(Caller::User { principal: Arc::new(principal), token: Arc::clone(token) }),
            Err(UserRefused::Invalid) => Err(Reply::NotAdmitted),
            Err(UserRefused::Unavailable) => Err(Reply::Unavailable { executed: Executed::No }),
        },
    }
}

fn malformed(reason: String) -> Reply {
    Reply::Malformed { reason }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

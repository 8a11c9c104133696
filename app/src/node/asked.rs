//! What home asks of a node: to end, and to look for home where it is now.

use std::sync::{Arc, OnceLock};

use actix_web::dev::ServerHandle;
use actix_web::{HttpRequest, HttpResponse, web};
use handover::NodeId;
use kernel::ErrorCode;
use kernel::http::ApiError;
use seam::tokens::ServiceTokens;
use tokio::sync::{Notify, watch};

use crate::home::{Moved, Stop, from_member};

/// What it takes to do so.
pub(crate) struct Asked {
    pub(crate) tokens: ServiceTokens,
    /// The node's name, if home started it. Home asks only those.
    pub(crate) id: Option<NodeId>,
    /// Known once the process listens.
    pub(crate) server: Arc<OnceLock<ServerHandle>>,
    /// Where home is.
    pub(crate) home: watch::Sender<String>,
    /// Told when the node is to end.
    pub(crate) ending: Arc<Notify>,
}

/// Adds the routes. Only who holds the cluster's key is answered at all.
pub(crate) fn asked_routes(config: &mut web::ServiceConfig) {
    config
        .route("/_internal/control/stop", web::post().to(stop))
        .route("/_internal/control/home", web::post().to(home));
}

async fn stop(
    request: HttpRequest,
    asked: web::Data<Asked>,
    body: web::Bytes,
) -> Result<HttpResponse, ApiError> {
    let stop: Stop = from_member(&request, &asked.tokens, &body)?;
    asked.is_meant(stop.node)?;
    log::info!("home asks this node to end");
    // First of all it follows no more: it would introduce itself again.
    asked.ending.notify_one();
    if let Some(server) = asked.server.get() {
        let server = server.clone();
        tokio::spawn(async move { server.stop(true).await });
    }
    Ok(HttpResponse::Accepted().finish())
}

async fn home(
    request: HttpRequest,
    asked: web::Data<Asked>,
    body: web::Bytes,
) -> Result<HttpResponse, ApiError> {
    let moved: Moved = from_member(&request, &asked.tokens, &body)?;
    asked.is_meant(moved.node)?;
    // Also when it is where it was: a node that waits before it tries again does so at once.
    asked.home.send_replace(moved.url);
    Ok(HttpResponse::Accepted().finish())
}

// === impl Asked ===

impl Asked {
    /// Passes if it is this node that is meant: another one may have listened here before.
    fn is_meant(&self, node: NodeId) -> Result<(), ApiError> {
        if self.id == Some(node) { Ok(()) } else { Err(ApiError::new(ErrorCode::RouteNotFound)) }
    }
}

//! What nodes ask of home. Only who holds the cluster's key is answered at all.

use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use handover::Node;
use kernel::http::ApiError;
use kernel::{ErrorCode, Timestamp};
use seam::tokens::ServiceTokens;
use serde::de::DeserializeOwned;

use super::{AUDIENCE, Follow, Home, Join};
use crate::host::ModuleName;

/// How long a node waits for something newer; it is heard of that often.
const LONG_POLL: Duration = Duration::from_secs(1);

/// Adds the routes.
pub(crate) fn internal_routes(config: &mut web::ServiceConfig) {
    config
        .route("/_internal/control/join", web::post().to(join))
        .route("/_internal/control/follow", web::post().to(follow));
}

async fn join(
    request: HttpRequest,
    home: web::Data<Home>,
    body: web::Bytes,
) -> Result<HttpResponse, ApiError> {
    let join: Join = from_member(&request, &home.inner.tokens, &body)?;
    for (name, version) in &join.modules {
        let known = ModuleName::find(name).map(contract_version);
        if known != Some(*version) {
            let known = known.map_or_else(|| "no such module".to_owned(), |known| format!("version {known}"));
            log::warn!("node {} hosts {name} with contract version {version}; here is {known}", join.node);
            let refused = ApiError::new(ErrorCode::PlacementRefused);
            return Err(refused.message(format!("{name}: contract version {version} there, {known} here")));
        }
    }
    let node = Node {
        id: join.node,
        url: join.url,
        modules: join.modules,
        version: join.version,
        spawned: join.spawned,
        registered_at: Timestamp::now(),
    };
    log::info!("node {} at {} hosts {:?}", node.id, node.url, node.modules.keys());
    home.take_in(node, join.pid).await?;
    Ok(HttpResponse::Ok().json(&*home.inner.directory.borrow()))
}

async fn follow(
    request: HttpRequest,
    home: web::Data<Home>,
    body: web::Bytes,
) -> Result<HttpResponse, ApiError> {
    let follow: Follow = from_member(&request, &home.inner.tokens, &body)?;
    home.hear(&follow).await?;
    let mut directory = home.inner.directory.subscribe();
    let newer = directory.wait_for(|directory| directory.generation > follow.generation);
    let answer = match tokio::time::timeout(LONG_POLL, newer).await {
        Ok(Ok(newer)) => newer.clone(),
        // Nothing newer; the same again is the answer.
        Ok(Err(_)) | Err(_) => home.inner.directory.borrow().clone(),
    };
    home.inner.live.hear_on(follow.node, follow.pid);
    Ok(HttpResponse::Ok().json(answer))
}

impl Home {
    /// Lets a node's process in. A node has one process: another one that goes by its name is one too many while that one is
    /// heard of, as when a home that was killed had started it just before; otherwise it takes its place as soon as it can serve.
    async fn take_in(&self, node: Node, pid: u32) -> Result<(), ApiError> {
        // Two that come at once must see one another.
        let _one_at_a_time = self.inner.joining.lock().await;
        let (id, live) = (node.id, &self.inner.live);
        let known =
            self.inner.control.nodes().await.map_err(failed)?.into_iter().find(|known| known.id == id);
        let elsewhere = known.as_ref().is_some_and(|known| !known.url.is_empty() && known.url != node.url);
        if elsewhere && live.heard(id).is_some() {
            let home = self.clone();
            tokio::spawn(async move { home.stop_node(&node).await });
            let refused = ApiError::new(ErrorCode::PlacementRefused);
            return Err(refused.message("another process of this node is heard of"));
        }
        if elsewhere {
            live.wait(node, pid);
            return Ok(());
        }
        // A node that comes back while nothing can be written is the same as before.
        if !known.is_some_and(|known| Node { registered_at: node.registered_at, ..known } == node) {
            self.inner.control.register(node).await.map_err(failed)?;
        }
        live.hear(id, pid, 0);
        self.inner.stir.notify_one();
        Ok(())
    }

    /// A node says what it follows. One that is not known has to introduce itself.
    async fn hear(&self, follow: &Follow) -> Result<(), ApiError> {
        let refused = |why: &'static str| Err(ApiError::new(ErrorCode::PlacementRefused).message(why));
        let nodes = self.inner.control.nodes().await.map_err(failed)?;
        let Some(known) = nodes.into_iter().find(|node| node.id == follow.node) else {
            return refused("this node is not known here");
        };
        let live = &self.inner.live;
        if known.url == follow.url {
            live.hear(follow.node, follow.pid, follow.generation);
            return Ok(());
        }
        let _one_at_a_time = self.inner.joining.lock().await;
        let Some((node, pid)) = live.waiting(follow.node).filter(|(node, _)| node.url == follow.url) else {
            return refused("another process of this node is known here");
        };
        if follow.generation == 0 {
            live.wait(node, pid);
            return Ok(());
        }
        log::info!("node {} is at {} now, it was at {}", node.id, node.url, known.url);
        self.inner.control.register(node).await.map_err(failed)?;
        live.took_place(follow.node);
        live.hear(follow.node, pid, follow.generation);
        self.inner.stir.notify_one();
        Ok(())
    }
}

/// Reads what the holder of the cluster's key sent. To all others this address does not exist, whatever they send.
pub(crate) fn from_member<T: DeserializeOwned>(
    request: &HttpRequest,
    tokens: &ServiceTokens,
    body: &[u8],
) -> Result<T, ApiError> {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|text| text.strip_prefix("Bearer "));
    if token.is_none_or(|token| tokens.verify(token, AUDIENCE).is_err()) {
        return Err(ApiError::new(ErrorCode::RouteNotFound));
    }
    serde_json::from_slice(body)
        .map_err(|error| ApiError::new(ErrorCode::MalformedJson).message(error.to_string()))
}

/// The version of a module's contract in this program.
pub(crate) fn contract_version(module: ModuleName) -> u32 {
    use seam::Contract;
    match module {
        ModuleName::User => <dyn user_contract::Users as Contract>::VERSION,
        ModuleName::Product => <dyn product_contract::Products as Contract>::VERSION,
        ModuleName::Order => <dyn order_contract::Orders as Contract>::VERSION,
    }
}

pub(super) fn failed(error: handover::ControlError) -> ApiError {
    use handover::ControlError::{NotRunning, Running, Stale, Store};
    match error {
        Running { .. } | NotRunning { .. } | Stale => {
            ApiError::new(ErrorCode::PlacementRefused).message(error.to_string())
        }
        Store(error) => {
            log::error!("the control store failed: {error}");
            ApiError::new(ErrorCode::ModuleUnavailable).message("the control store does not answer")
        }
    }
}

//! What nodes ask of home. Only who holds the cluster's key is answered at all.

use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use handover::Node;
use kernel::http::ApiError;
use kernel::{ErrorCode, Timestamp};
use seam::tokens::ServiceTokens;

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
    join: web::Json<Join>,
) -> Result<HttpResponse, ApiError> {
    home.authenticate(&request)?;
    let join = join.into_inner();
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
    home.take_in(node).await.map_err(failed)?;
    home.inner.live.hear(join.node, 0);
    home.inner.stir.notify_one();
    Ok(HttpResponse::Ok().json(&*home.inner.directory.borrow()))
}

async fn follow(
    request: HttpRequest,
    home: web::Data<Home>,
    follow: web::Json<Follow>,
) -> Result<HttpResponse, ApiError> {
    home.authenticate(&request)?;
    // A node that home does not know has to introduce itself again.
    let nodes = home.inner.control.nodes().await.map_err(failed)?;
    if !nodes.iter().any(|node| node.id == follow.node) {
        return Err(ApiError::new(ErrorCode::PlacementRefused).message("this node is not known here"));
    }
    home.inner.live.hear(follow.node, follow.generation);
    let mut directory = home.inner.directory.subscribe();
    let newer = directory.wait_for(|directory| directory.generation > follow.generation);
    let answer = match tokio::time::timeout(LONG_POLL, newer).await {
        Ok(Ok(newer)) => newer.clone(),
        // Nothing newer; the same again is the answer.
        Ok(Err(_)) | Err(_) => home.inner.directory.borrow().clone(),
    };
    home.inner.live.hear_on(follow.node);
    Ok(HttpResponse::Ok().json(answer))
}

impl Home {
    /// Writes down where a node answers. A process of ours that answered under its name elsewhere is one too many: a home that
    /// was killed may have started it just before.
    async fn take_in(&self, node: Node) -> Result<(), handover::ControlError> {
        // Two that come at once must see one another.
        let _one_at_a_time = self.inner.joining.lock().await;
        let known = self.inner.control.nodes().await?.into_iter().find(|known| known.id == node.id);
        let elsewhere = known.filter(|known| known.spawned && !known.url.is_empty() && known.url != node.url);
        self.inner.control.register(node).await?;
        if let Some(other) = elsewhere {
            let home = self.clone();
            tokio::spawn(async move { home.stop_at(&other).await });
        }
        Ok(())
    }

    /// Passes who holds the cluster's key. To all others this address does not exist.
    fn authenticate(&self, request: &HttpRequest) -> Result<(), ApiError> {
        if is_member(request, &self.inner.tokens) {
            Ok(())
        } else {
            Err(ApiError::new(ErrorCode::RouteNotFound))
        }
    }
}

/// Whether the request comes from who holds the cluster's key.
pub(crate) fn is_member(request: &HttpRequest, tokens: &ServiceTokens) -> bool {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = given.and_then(|text| text.strip_prefix("Bearer "));
    token.is_some_and(|token| tokens.verify(token, AUDIENCE).is_ok())
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

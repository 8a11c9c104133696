//! What operators ask: to move a module, to bring it back, and how far that is.

use actix_web::{HttpResponse, web};
use handover::{Audit, Kind, Node, NodeId, Operation, OperationId, Phase, Plan};
use kernel::http::{ApiError, Json};
use kernel::{ErrorCode, Timestamp};
use serde::{Deserialize, Serialize};

use super::Home;
use super::access::Operator;
use super::internal::failed;
use crate::host::ModuleName;

/// How long a node may take to be ready, and what was entered to leave.
const PATIENCE_MS: u64 = 30_000;

/// Take a module out of home.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtractOrder {
    pub(crate) module: String,
    /// Where a node that hosts it answers. Without it home starts one.
    #[serde(default)]
    pub(crate) to: Option<String>,
    /// Percent of traffic, step by step.
    pub(crate) weights: Vec<u8>,
    /// Least time at each step, in milliseconds.
    pub(crate) hold_ms: u64,
    /// How long reads are copied to the node and the answers compared before it answers any, in milliseconds.
    #[serde(default)]
    pub(crate) shadow_ms: u64,
}

/// Bring a module back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AbsorbOrder {
    pub(crate) module: String,
    pub(crate) weights: Vec<u8>,
    pub(crate) hold_ms: u64,
}

/// Undo what runs, or bring a module back at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackOrder {
    pub(crate) module: String,
}

/// How far an operation is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OperationView {
    pub(crate) id: OperationId,
    pub(crate) module: String,
    pub(crate) kind: Kind,
    pub(crate) phase: Phase,
    /// Percent of traffic at the node.
    pub(crate) weight: u8,
    pub(crate) node: Option<NodeId>,
    /// Why it was undone.
    pub(crate) reason: Option<String>,
    pub(crate) began_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
}

/// Whether a module can be taken out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CanExtract {
    pub(crate) module: String,
    pub(crate) can: bool,
    /// What stands against it.
    pub(crate) reasons: Vec<String>,
}

/// Adds the routes.
pub(crate) fn admin_routes(config: &mut web::ServiceConfig) {
    config
        .route("/_admin/status", web::get().to(status))
        .route("/_admin/extract", web::post().to(extract))
        .route("/_admin/absorb", web::post().to(absorb))
        .route("/_admin/rollback", web::post().to(rollback))
        .route("/_admin/can-extract/{module}", web::get().to(can_extract))
        .route("/_admin/operations/{id}", web::get().to(operation));
}

async fn status(_operator: Operator, home: web::Data<Home>) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(home.status().await.map_err(failed)?))
}

async fn extract(
    operator: Operator,
    home: web::Data<Home>,
    Json(order): Json<ExtractOrder>,
) -> Result<HttpResponse, ApiError> {
    let module = named(&order.module)?;
    let reasons = home.against(module).await?;
    if !reasons.is_empty() {
        return Err(refused(reasons.join("; ")));
    }
    let plan = Plan {
        weights: order.weights.clone(),
        hold_ms: order.hold_ms,
        shadow_ms: order.shadow_ms,
        patience_ms: PATIENCE_MS,
    };
    let plan = plan.checked(Kind::Extract).map_err(|error| refused(error.to_string()))?;
    let node = match &order.to {
        Some(url) => home.joined(url.trim_end_matches('/'), module).await?,
        None => home.to_spawn(module).await?,
    };
    let audit = Audit {
        actor: operator.name,
        action: "extract",
        module: Some(order.module.clone()),
        details: format!(
            "to {}, weights {:?}",
            order.to.as_deref().unwrap_or("a new process"),
            order.weights
        ),
    };
    let begun = home.begin(module, Kind::Extract, plan, node, audit).await;
    if begun.is_err() && order.to.is_none() {
        // Another order was faster; the process for this one was never started.
        home.inner.control.forget(node).await.map_err(failed)?;
    }
    begun
}

async fn absorb(
    operator: Operator,
    home: web::Data<Home>,
    Json(order): Json<AbsorbOrder>,
) -> Result<HttpResponse, ApiError> {
    let module = named(&order.module)?;
    let details = format!("weights {:?}", order.weights);
    let plan =
        Plan { weights: order.weights, hold_ms: order.hold_ms, shadow_ms: 0, patience_ms: PATIENCE_MS };
    let plan = plan.checked(Kind::Absorb).map_err(|error| refused(error.to_string()))?;
    home.bring_back(
        module,
        plan,
        Audit { actor: operator.name, action: "absorb", module: Some(order.module), details },
    )
    .await
}

async fn rollback(
    operator: Operator,
    home: web::Data<Home>,
    Json(order): Json<RollbackOrder>,
) -> Result<HttpResponse, ApiError> {
    let module = named(&order.module)?;
    let audit = Audit {
        actor: operator.name,
        action: "rollback",
        module: Some(order.module.clone()),
        details: String::new(),
    };
    let running = home.inner.control.running().await.map_err(failed)?;
    if running.iter().any(|operation| operation.module == order.module) {
        let id = home.inner.control.cancel(module.as_str(), audit).await.map_err(failed)?;
        home.inner.stir.notify_one();
        return home.show(id).await;
    }
    let plan = Plan { weights: vec![0], hold_ms: 0, shadow_ms: 0, patience_ms: PATIENCE_MS };
    home.bring_back(module, plan, audit).await
}

async fn can_extract(
    _operator: Operator,
    home: web::Data<Home>,
    module: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let reasons = home.against(named(&module)?).await?;
    let can = CanExtract { module: module.into_inner(), can: reasons.is_empty(), reasons };
    Ok(HttpResponse::Ok().json(can))
}

async fn operation(
    _operator: Operator,
    home: web::Data<Home>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    home.show(id.parse().map_err(|_error| ApiError::new(ErrorCode::RouteNotFound))?).await
}

fn named(module: &str) -> Result<ModuleName, ApiError> {
    ModuleName::find(module)
        .ok_or_else(|| refused(format!("there is no module {module:?}: use user, product or order")))
}

fn refused(why: String) -> ApiError {
    ApiError::new(ErrorCode::PlacementRefused).message(why)
}

// === impl Home ===

impl Home {
    /// What stands against taking the module out now.
    async fn against(&self, module: ModuleName) -> Result<Vec<String>, ApiError> {
        let mut reasons = Vec::new();
        let placements = self.inner.control.placements().await.map_err(failed)?;
        if let Some(node) = placements.modules.get(module.as_str()).and_then(|placed| placed.node) {
            reasons.push(format!("{module} is out already, at node {node}; absorb it first"));
        }
        let running = self.inner.control.running().await.map_err(failed)?;
        if let Some(running) = running.iter().find(|running| running.module == module.as_str()) {
            reasons.push(format!(
                "an operation on {module} is running: {}; wait for it or roll it back",
                running.id
            ));
        }
        match self.inner.host.module(module) {
            None => reasons.push(format!("{module} is not in the home process")),
            Some(here) => {
                if let Err(error) = here.ready().await {
                    reasons.push(format!("the store of {module} does not answer: {error}"));
                }
            }
        }
        Ok(reasons)
    }

    /// A node that answers at `url` and hosts the module.
    async fn joined(&self, url: &str, module: ModuleName) -> Result<NodeId, ApiError> {
        let nodes = self.inner.control.nodes().await.map_err(failed)?;
        let node = nodes.into_iter().find(|node| node.url == url).ok_or_else(|| {
            refused(format!(
                "no node has joined from {url}; start one with `banyan serve --modules {module} --home {}`",
                self.public_url()
            ))
        })?;
        if !node.modules.contains_key(module.as_str()) {
            return Err(refused(format!("the node at {url} does not host {module}")));
        }
        if self.inner.live.heard(node.id).is_none() {
            return Err(refused(format!("the node at {url} has not been heard of for a while")));
        }
        Ok(node.id)
    }

    /// Writes down a node that is going to be started.
    async fn to_spawn(&self, module: ModuleName) -> Result<NodeId, ApiError> {
        let node = Node {
            id: NodeId::new(),
            url: String::new(),
            modules: [(module.as_str().to_owned(), super::internal::contract_version(module))].into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            spawned: true,
            registered_at: Timestamp::now(),
        };
        let id = node.id;
        self.inner.control.register(node).await.map_err(failed)?;
        Ok(id)
    }

    async fn bring_back(
        &self,
        module: ModuleName,
        plan: Plan,
        audit: Audit,
    ) -> Result<HttpResponse, ApiError> {
        let placements = self.inner.control.placements().await.map_err(failed)?;
        let node = placements.modules.get(module.as_str()).and_then(|placed| placed.node);
        let node = node.ok_or_else(|| refused(format!("{module} is at home already")))?;
        self.begin(module, Kind::Absorb, plan, node, audit).await
    }

    async fn begin(
        &self,
        module: ModuleName,
        kind: Kind,
        plan: Plan,
        node: NodeId,
        audit: Audit,
    ) -> Result<HttpResponse, ApiError> {
        let now = Timestamp::now();
        let operation = Operation {
            id: OperationId::new(),
            module: module.as_str().to_owned(),
            kind,
            plan,
            phase: Phase::Preparing,
            node: Some(node),
            reason: None,
            cancelled: false,
            began_at: now,
            phase_at: now,
            ended_at: None,
        };
        let view = OperationView::of(&operation);
        self.inner.control.begin(operation, audit).await.map_err(failed)?;
        self.inner.stir.notify_one();
        Ok(HttpResponse::Accepted().json(view))
    }

    async fn show(&self, id: OperationId) -> Result<HttpResponse, ApiError> {
        let operation = self.inner.control.operation(id).await.map_err(failed)?;
        let operation = operation.ok_or_else(|| ApiError::new(ErrorCode::RouteNotFound))?;
        Ok(HttpResponse::Ok().json(OperationView::of(&operation)))
    }
}

// === impl OperationView ===

impl OperationView {
    pub(super) fn of(operation: &Operation) -> Self {
        Self {
            id: operation.id,
            module: operation.module.clone(),
            kind: operation.kind,
            phase: operation.phase,
            weight: operation.routing().weight,
            node: operation.node,
            reason: operation.reason.clone(),
            began_at: operation.began_at,
            ended_at: operation.ended_at,
        }
    }
}

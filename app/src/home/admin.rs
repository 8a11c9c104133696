//! What operators ask: to move a module, to bring it back, and how far that is.

use actix_web::{HttpResponse, web};
use handover::{Audit, Kind, NodeId, Operation, OperationId, Phase, Plan};
use kernel::http::{ApiError, Json};
use kernel::{ErrorCode, Timestamp};
use serde::{Deserialize, Serialize};

use super::Home;
use super::access::Operator;
use super::internal::failed;
use super::moves::Turn;
use crate::host::ModuleName;

/// How long a node may take to be ready, and what was entered to leave.
pub(super) const PATIENCE_MS: u64 = 30_000;

const fn one() -> u8 {
    1
}

const fn one_second() -> u64 {
    1000
}

/// Take a module out of home.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtractOrder {
    pub(crate) module: String,
    /// Where nodes that host it answer. Without any, home starts some.
    #[serde(default)]
    pub(crate) to: Vec<String>,
    /// How many home starts.
    #[serde(default = "one")]
    pub(crate) instances: u8,
    /// Percent of traffic, step by step.
    pub(crate) weights: Vec<u8>,
    /// Least time at each step, in milliseconds.
    pub(crate) hold_ms: u64,
    /// How long reads are copied to the node and the answers compared before it answers any, in milliseconds.
    #[serde(default)]
    pub(crate) shadow_ms: u64,
    /// Where the module's data goes; it stays where it is if this is not given.
    #[serde(default)]
    pub(crate) store: Option<String>,
    /// Longest time that requests wait while the data changes hands, in milliseconds.
    #[serde(default = "one_second")]
    pub(crate) max_pause_ms: u64,
    /// Whether it goes back when it could have switched.
    #[serde(default)]
    pub(crate) rehearse: bool,
    /// How long the new place is watched closely after the switch, in milliseconds.
    #[serde(default)]
    pub(crate) watch_ms: u64,
}

/// Bring a module back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AbsorbOrder {
    pub(crate) module: String,
    pub(crate) weights: Vec<u8>,
    pub(crate) hold_ms: u64,
    /// Longest time that requests wait if the module's data comes back with it, in milliseconds.
    #[serde(default = "one_second")]
    pub(crate) max_pause_ms: u64,
    /// Go out again by itself if requests fail within this time after the switch, if the module's data came back with it, in
    /// milliseconds.
    #[serde(default)]
    pub(crate) watch_ms: u64,
}

/// Undo what runs, or bring a module back at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackOrder {
    pub(crate) module: String,
    /// Longest time that requests wait if the module's data comes back with it, in milliseconds.
    #[serde(default = "one_second")]
    pub(crate) max_pause_ms: u64,
}

/// How far an operation is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OperationView {
    pub(crate) id: OperationId,
    pub(crate) module: String,
    pub(crate) kind: Kind,
    pub(crate) phase: Phase,
    /// Percent of traffic at the nodes.
    pub(crate) weight: u8,
    pub(crate) nodes: Vec<NodeId>,
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
    if let Some(store) = &order.store {
        let view = home.extract_with_data(operator, module, &order, store).await?;
        return Ok(HttpResponse::Accepted().json(view));
    }
    if order.rehearse {
        return Err(refused("only a move with the data can be rehearsed: name a store".to_owned()));
    }
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
    let spawn = order.to.is_empty();
    let nodes = if spawn {
        home.to_spawn(module, order.instances).await?
    } else {
        home.all_joined(&order.to, module).await?
    };
    let place = match order.instances {
        _ if !spawn => order.to.join(", "),
        1 => "a new process".to_owned(),
        count => format!("{count} new processes"),
    };
    let audit = Audit {
        actor: operator.name,
        action: "extract",
        module: Some(order.module.clone()),
        details: format!("to {place}, weights {:?}", order.weights),
    };
    let begun = home.begin(module, Kind::Extract, plan, nodes.clone(), audit).await;
    if begun.is_err() && spawn {
        // Another order was faster; the processes for this one were never started.
        for node in nodes {
            home.inner.control.forget(node).await.map_err(failed)?;
        }
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
    let audit = Audit {
        actor: operator.name.clone(),
        action: "absorb",
        module: Some(order.module.clone()),
        details: "with its data".to_owned(),
    };
    if let Some(view) = home.absorb_with_data(module, Turn::back(&order), audit).await? {
        return Ok(HttpResponse::Accepted().json(view));
    }
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
    if let Some(view) = home.absorb_with_data(module, Turn::undo(&order), audit.clone()).await? {
        return Ok(HttpResponse::Accepted().json(view));
    }
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

pub(super) fn named(module: &str) -> Result<ModuleName, ApiError> {
    ModuleName::find(module)
        .ok_or_else(|| refused(format!("there is no module {module:?}: use user, product or order")))
}

pub(super) fn refused(why: String) -> ApiError {
    ApiError::new(ErrorCode::PlacementRefused).message(why)
}

// === impl Home ===

impl Home {
    async fn bring_back(
        &self,
        module: ModuleName,
        plan: Plan,
        audit: Audit,
    ) -> Result<HttpResponse, ApiError> {
        let placements = self.inner.control.placements().await.map_err(failed)?;
        let placed = placements.modules.get(module.as_str());
        let nodes = placed.map(|placed| placed.nodes.clone()).filter(|nodes| !nodes.is_empty());
        let nodes = nodes.ok_or_else(|| refused(format!("{module} is at home already")))?;
        self.begin(module, Kind::Absorb, plan, nodes, audit).await
    }

    async fn begin(
        &self,
        module: ModuleName,
        kind: Kind,
        plan: Plan,
        nodes: Vec<NodeId>,
        audit: Audit,
    ) -> Result<HttpResponse, ApiError> {
        let now = Timestamp::now();
        let operation = Operation {
            id: OperationId::new(),
            module: module.as_str().to_owned(),
            kind,
            plan,
            phase: Phase::Preparing,
            nodes,
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
            nodes: operation.nodes.clone(),
            reason: operation.reason.clone(),
            began_at: operation.began_at,
            ended_at: operation.ended_at,
        }
    }
}

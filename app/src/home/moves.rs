//! What operators ask about modules that move together with their data.

use actix_web::{HttpResponse, web};
use handover::sqlite::Pair;
use handover::{
    Audit, Base, ControlError, Facts, Handover, Kind, MovePlan, NodeId, OperationId, Placed, Site, State,
    StoreSeen,
};
use kernel::http::{ApiError, Json};
use kernel::store::StoreUrl;
use kernel::{ErrorCode, Timestamp};
use serde::{Deserialize, Serialize};

use super::Home;
use super::access::Operator;
use super::admin::{AbsorbOrder, ExtractOrder, PATIENCE_MS, RollbackOrder, refused};
use super::internal::failed;
use super::moving::{Shown, on_pair};
use crate::config;
use crate::host::ModuleName;

/// Least pause that can be asked for: sealing and committing alone take a few synced writes.
const LEAST_PAUSE_MS: u64 = 10;
/// Most: a parked request waits no longer.
const MOST_PAUSE_MS: u64 = 5_000;

/// How far a handover is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HandoverView {
    pub(crate) id: OperationId,
    pub(crate) module: String,
    pub(crate) kind: Kind,
    pub(crate) state: State,
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) epoch: u64,
    pub(crate) rehearse: bool,
    /// Whether it completes by itself.
    pub(crate) finishes: bool,
    /// Why it went back.
    pub(crate) reason: Option<String>,
    /// What was measured and found.
    pub(crate) facts: Facts,
    /// What it is at now.
    pub(crate) now: Shown,
    /// What an operator can do.
    pub(crate) advice: Option<String>,
    pub(crate) began_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
}

/// End the watch over a module that moved.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompleteOrder {
    pub(crate) module: String,
}

/// How a module goes back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// Whether it completes by itself.
    pub(super) finish: bool,
    pub(super) max_pause_ms: u64,
    pub(super) watch_ms: u64,
    pub(super) rehearse: bool,
}

/// What an order to move a module began.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Begun {
    /// A move with the module's data.
    Handover(Box<HandoverView>),
    /// A move of the code alone.
    Operation(super::OperationView),
}

/// Adds the routes.
pub(crate) fn move_routes(config: &mut web::ServiceConfig) {
    config
        .route("/_admin/complete", web::post().to(complete))
        .route("/_admin/handovers/{id}", web::get().to(handover));
}

async fn complete(
    operator: Operator,
    home: web::Data<Home>,
    Json(order): Json<CompleteOrder>,
) -> Result<HttpResponse, ApiError> {
    let module = super::admin::named(&order.module)?;
    let running = home.running_handover(module).await?;
    let resting = running.filter(|handover| handover.state.rests()).ok_or_else(|| {
        refused(format!("no handover of {module} waits to be completed; `banyan status` says how far it is"))
    })?;
    let audit = Audit {
        actor: operator.name,
        action: "complete",
        module: Some(order.module.clone()),
        details: resting.id.to_string(),
    };
    home.inner.control.note(audit).await.map_err(failed)?;
    let handover = home.end_rest(resting).await.map_err(failed)?;
    Ok(HttpResponse::Accepted().json(home.view(&handover)))
}

async fn handover(
    _operator: Operator,
    home: web::Data<Home>,
    id: web::Path<String>,
) -> Result<HttpResponse, ApiError> {
    let id = id.parse().map_err(|_error| ApiError::new(ErrorCode::RouteNotFound))?;
    let handover = home.inner.control.handover(id).await.map_err(failed)?;
    let handover = handover.ok_or_else(|| ApiError::new(ErrorCode::RouteNotFound))?;
    // Who hears that it has ended may ask for its receipt.
    if handover.state.is_over() && home.inner.control.receipt(id).await.map_err(failed)?.is_none() {
        home.write_receipt(&handover).await.map_err(failed)?;
    }
    Ok(HttpResponse::Ok().json(home.view(&handover)))
}

impl Home {
    pub(super) async fn running_handover(&self, module: ModuleName) -> Result<Option<Handover>, ApiError> {
        let placements = self.inner.control.placements().await.map_err(failed)?;
        Ok(placements.handovers.get(module.as_str()).cloned())
    }

    /// Takes a module out together with its data.
    pub(super) async fn extract_with_data(
        &self,
        operator: Operator,
        module: ModuleName,
        order: &ExtractOrder,
        store: &str,
    ) -> Result<HandoverView, ApiError> {
        let store = file(store).map_err(|why| refused(format!("--store: {why}")))?;
        let max_pause_ms = pause(order.max_pause_ms)?;
        if order.shadow_ms > 0 {
            return Err(refused(
                "a module that takes its data along is compared row by row, not by its answers: leave --shadow out"
                    .to_owned(),
            ));
        }
        let audit = Audit {
            actor: operator.name,
            action: "extract",
            module: Some(order.module.clone()),
            details: format!("with its data to {store}{}", if order.rehearse { ", a rehearsal" } else { "" }),
        };
        if let Some(resting) = self.running_handover(module).await?.filter(|handover| handover.state.rests())
        {
            let (owner, follower) = resting.owner_and_follower();
            if owner.is_home() && follower.store == store {
                if !order.to.is_empty() && self.all_joined(&order.to, module).await? != follower.nodes {
                    return Err(refused(format!(
                        "the store at {store} follows for other nodes; `banyan complete {module}` ends that"
                    )));
                }
                let turn =
                    Turn { finish: false, max_pause_ms, watch_ms: order.watch_ms, rehearse: order.rehearse };
                return self.begin_reverse(&resting, turn, audit).await;
            }
        }
        let mut reasons = self.against(module).await?;
        reasons.extend(taken(&store));
        reasons.extend(self.wanted_by_another(module, &store).await?);
        if !reasons.is_empty() {
            return Err(refused(reasons.join("; ")));
        }
        let nodes = match order.to.is_empty() {
            true => self.to_spawn(module, order.instances).await?,
            false => self.all_joined(&order.to, module).await?,
        };
        let source = self.home_site(module, None)?;
        let target = Site { as_configured: false, store, nodes: nodes.clone() };
        let plan = MovePlan {
            base: Base::Copy,
            source,
            target,
            max_pause_ms,
            rehearse: order.rehearse,
            finish: false,
            patience_ms: PATIENCE_MS,
            watch_ms: order.watch_ms,
        };
        let begun = self.begin_copy(module, Kind::Extract, plan, audit).await;
        if begun.is_err() && order.to.is_empty() {
            for node in nodes {
                self.inner.control.forget(node).await.map_err(failed)?;
            }
        }
        begun
    }

    /// Why nothing can be moved to the store, if another module's data is or goes there.
    async fn wanted_by_another(&self, module: ModuleName, store: &str) -> Result<Option<String>, ApiError> {
        let placements = self.inner.control.placements().await.map_err(failed)?;
        let mut others = placements.handovers.values().filter(|other| other.module != module.as_str());
        let other = others.find(|other| other.plan.target.store == store || other.plan.source.store == store);
        Ok(other.map(|other| format!("{store} is in use for {}; name another store", other.module)))
    }

    /// Brings a module back that took its data along. `None` if it did not.
    pub(super) async fn absorb_with_data(
        &self,
        module: ModuleName,
        turn: Turn,
        audit: Audit,
    ) -> Result<Option<HandoverView>, ApiError> {
        let placements = self.inner.control.placements().await.map_err(failed)?;
        if let Some(running) = placements.handovers.get(module.as_str()) {
            pause(turn.max_pause_ms)?;
            return self.turn(running, module, turn, audit).await.map(Some);
        }
        let Some(placed) = placements.modules.get(module.as_str()).filter(|placed| placed.moved) else {
            return Ok(None);
        };
        let plan = MovePlan {
            base: Base::Copy,
            source: moved_site(placed, module)?,
            target: self.home_site(module, Some(placed))?,
            max_pause_ms: pause(turn.max_pause_ms)?,
            rehearse: false,
            finish: turn.finish,
            patience_ms: PATIENCE_MS,
            watch_ms: turn.watch_ms,
        };
        self.begin_copy(module, Kind::Absorb, plan, audit).await.map(Some)
    }

    /// What bringing a module back means while a handover of it has not ended.
    async fn turn(
        &self,
        running: &Handover,
        module: ModuleName,
        turn: Turn,
        audit: Audit,
    ) -> Result<HandoverView, ApiError> {
        let (id, state, undo) = (running.id, running.state.name(), turn.finish);
        match running.state {
            State::Watched | State::Standby => {
                let (owner, follower) = running.owner_and_follower();
                // Undoing what rests goes back whichever way it went; bringing back goes home.
                let goes_back = undo && running.state == State::Watched;
                if !goes_back && (owner.is_home() || !follower.is_home()) {
                    return Err(refused(format!(
                        "{module} is at home already, and its other store follows; `banyan complete {module}` ends that"
                    )));
                }
                self.begin_reverse(running, turn, audit).await
            }
            _ if !undo => Err(refused(format!(
                "a handover of {module} is running: {id} is {state}; wait for it or roll it back"
            ))),
            _ if running.way_back().is_some() => {
                match self.inner.control.cancel_handover(id, audit).await {
                    Ok(()) => {}
                    Err(ControlError::Stale) => return Err(too_late(running)),
                    Err(error) => return Err(failed(error)),
                }
                self.inner.stir.notify_one();
                Ok(self.view(running))
            }
            _ => Err(too_late(running)),
        }
    }

    async fn begin_reverse(
        &self,
        resting: &Handover,
        turn: Turn,
        audit: Audit,
    ) -> Result<HandoverView, ApiError> {
        if let Some(why) = self.not_its_own(resting).await {
            return Err(refused(why));
        }
        let begun = self.reverse(resting, None, turn, audit).await.map_err(failed)?;
        self.inner.stir.notify_one();
        Ok(self.view(&begun))
    }

    /// Why the stores of a handover that rests are not both its own: it went back before it had taken them over. What would begin
    /// from it would not know whose they are.
    async fn not_its_own(&self, resting: &Handover) -> Option<String> {
        let mut all = self.inner.moving.lock().await;
        let seen = on_pair(resting, all.entry(resting.id).or_default(), Pair::look).await;
        drop(all);
        let (source, target) = match seen {
            Ok(seen) => seen,
            Err(why) => return Some(why),
        };
        let own = |seen| matches!(seen, StoreSeen::Owned(row) if row.operation == Some(resting.id));
        if own(source) && own(target) {
            return None;
        }
        let (id, module) = (resting.id, &resting.module);
        if [source, target].iter().any(|seen| !matches!(seen, StoreSeen::Owned(_))) {
            let (source, target) = (&resting.plan.source.store, &resting.plan.target.store);
            return Some(format!(
                "one of the stores of {id}, {source} and {target}, is gone or cannot be read; when the module works, `banyan complete \
                 {module}` gives the other one up, and if it does not: docs/handover.md, by hand"
            ));
        }
        let trouble = self.shown_of(id).trouble.unwrap_or_else(|| "it has not come to it yet".to_owned());
        Some(format!(
            "{id} has not taken over both stores yet ({trouble}); try again when it has, or `banyan complete {module}`"
        ))
    }

    async fn begin_copy(
        &self,
        module: ModuleName,
        kind: Kind,
        plan: MovePlan,
        audit: Audit,
    ) -> Result<HandoverView, ApiError> {
        let placements = self.inner.control.placements().await.map_err(failed)?;
        let now = Timestamp::now();
        let handover = Handover {
            id: OperationId::new(),
            module: module.as_str().to_owned(),
            kind,
            plan,
            epoch: placements.modules.get(module.as_str()).map_or(1, |placed| placed.epoch),
            state: State::Begun,
            facts: Facts::default(),
            cancelled: false,
            reason: None,
            began_at: now,
            state_at: now,
            ended_at: None,
        };
        self.inner.control.begin_handover(handover.clone(), audit).await.map_err(failed)?;
        self.inner.stir.notify_one();
        Ok(self.view(&handover))
    }

    /// The module at home: where its data is, or, when it is elsewhere, where it goes.
    fn home_site(&self, module: ModuleName, moved: Option<&Placed>) -> Result<Site, ApiError> {
        let here = self.inner.host.module(module).and_then(|here| here.store().place());
        let configured = self.inner.config.store_url(module.as_str()).map_err(refused)?;
        let url = match (here, moved) {
            (Some(place), None) => place.url,
            _ => configured.clone(),
        };
        let as_configured = url == configured;
        let store =
            file(&unredacted(&url)).map_err(|why| refused(format!("the store of {module}: {why}")))?;
        Ok(Site { store, as_configured, nodes: Vec::new() })
    }

    /// Ends what rests: for good where the module is now.
    async fn end_rest(&self, mut handover: Handover) -> Result<Handover, ControlError> {
        let mut all = self.inner.moving.lock().await;
        let moving = all.entry(handover.id).or_default();
        let ends = if handover.state == State::Watched { State::Completing } else { State::Aborting };
        self.enter(&mut handover, ends, moving).await?;
        drop(all);
        self.inner.stir.notify_one();
        Ok(handover)
    }

    /// How far a handover is.
    pub(super) fn view(&self, handover: &Handover) -> HandoverView {
        HandoverView {
            id: handover.id,
            module: handover.module.clone(),
            kind: handover.kind,
            state: handover.state,
            source: handover.plan.source.store.clone(),
            target: handover.plan.target.store.clone(),
            epoch: handover.epoch,
            rehearse: handover.plan.rehearse,
            finishes: handover.plan.finish,
            reason: handover.reason.clone(),
            facts: handover.facts.clone(),
            now: self.shown_of(handover.id),
            advice: advice(handover),
            began_at: handover.began_at,
            ended_at: handover.ended_at,
        }
    }
}

impl Turn {
    /// As it was ordered to be brought back.
    pub(super) fn back(order: &AbsorbOrder) -> Self {
        let AbsorbOrder { max_pause_ms, watch_ms, .. } = *order;
        Self { finish: false, max_pause_ms, watch_ms, rehearse: false }
    }

    /// As it was ordered to be undone.
    pub(super) fn undo(order: &RollbackOrder) -> Self {
        Self { finish: true, max_pause_ms: order.max_pause_ms, watch_ms: 0, rehearse: false }
    }
}

impl HandoverView {
    /// Whether it goes on only when it is told to.
    pub(crate) fn is_at_rest(&self) -> bool {
        // One that finishes by itself is on its way.
        self.state.rests() && !(self.finishes && self.state == State::Watched)
    }
}

fn too_late(handover: &Handover) -> ApiError {
    let (id, module) = (handover.id, &handover.module);
    refused(format!(
        "the handover {id} of {module} is past the point of no return; roll back when it is watched, in a moment"
    ))
}

fn advice(handover: &Handover) -> Option<String> {
    let module = &handover.module;
    Some(match handover.state {
        State::Watched => format!(
            "`banyan complete {module}` when all is well, `banyan rollback {module}` to go back without a copy"
        ),
        State::Standby => format!(
            "the module is where it was and its other store follows: try again, or `banyan complete {module}` to remove that store"
        ),
        State::Committed | State::Activated | State::Routed | State::Completing => {
            "it goes on by itself as soon as it can; nothing is lost. If the store that it went to is gone for good: docs/handover.md, by hand"
                .to_owned()
        }
        State::Reopening | State::Aborting => "it goes back by itself as soon as it can".to_owned(),
        state if state.is_over() => return None,
        _ => format!("`banyan rollback {module}` to go back"),
    })
}

fn moved_site(placed: &Placed, module: ModuleName) -> Result<Site, ApiError> {
    let store = placed.store.clone();
    let store =
        store.ok_or_else(|| refused(format!("where the store of {module} is was not written down")))?;
    let nodes: Vec<NodeId> = placed.nodes.clone();
    Ok(Site { store, as_configured: false, nodes })
}

/// Why nothing can be moved to the store, if there is a file already. Looked at again when the handover begins.
fn taken(store: &str) -> Option<String> {
    let path = store.strip_prefix("sqlite:")?;
    std::path::Path::new(path)
        .exists()
        .then(|| format!("there is a file {path} already; name another store, or move it away"))
}

/// A store that can be moved from or to, as an absolute URL.
fn file(store: &str) -> Result<String, String> {
    let url: StoreUrl = store.parse().map_err(|error| format!("{store}: {error}"))?;
    match config::absolute(url)? {
        StoreUrl::Sqlite(path) => Ok(format!("sqlite:{}", path.display())),
        StoreUrl::Postgres(_) => {
            Err("only stores on SQLite can be moved, and only to SQLite; keep the store with --data shared"
                .to_owned())
        }
    }
}

fn unredacted(url: &StoreUrl) -> String {
    match url {
        StoreUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
        StoreUrl::Postgres(url) => url.clone(),
    }
}

fn pause(max_pause_ms: u64) -> Result<u64, ApiError> {
    if (LEAST_PAUSE_MS..=MOST_PAUSE_MS).contains(&max_pause_ms) {
        return Ok(max_pause_ms);
    }
    Err(refused(format!(
        "--max-pause must be from {LEAST_PAUSE_MS} ms to {MOST_PAUSE_MS} ms: parked requests wait no longer"
    )))
}

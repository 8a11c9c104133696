//! What this process is to the others: their home, or a node of a home.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use actix_web::dev::ServerHandle;
use actix_web::web;
use handover::{Control, NodeId};
use kernel::Principal;
use kernel::auth::{AuthError, Verifier};
use kernel::store::StoreUrl;
use router::Router;
use seam::Epoch;
use seam::server::{Guard, Registry, UserRefused};
use seam::tokens::ServiceTokens;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::exit::Failure;
use crate::gateway::Owner;
use crate::home::{self, Here, Home, Parts, Urls, secrets};
use crate::host::{Host, ModuleName};
use crate::node::{self, Asked, Node};

/// What the process is.
#[derive(Clone)]
pub(crate) enum Role {
    /// It faces clients and hosts every module.
    Home,
    /// It hosts some modules for a home.
    Node {
        /// Which.
        modules: Vec<ModuleName>,
        /// Where the home answers.
        home: String,
        /// Its name, if home started it.
        id: Option<NodeId>,
    },
}

/// The process's part in the cluster. Clones share it; each worker configures its routes from one.
#[derive(Clone)]
pub(crate) struct Cluster {
    tokens: ServiceTokens,
    registry: Registry,
    guard: Arc<dyn Guard>,
    router: Arc<Router>,
    part: Part,
}

#[derive(Clone)]
enum Part {
    Home(Home),
    Node {
        modules: Vec<ModuleName>,
        home: watch::Sender<String>,
        id: Option<NodeId>,
        server: Arc<OnceLock<ServerHandle>>,
        /// Told when home asks the node to end.
        ending: Arc<Notify>,
    },
}

/// A part that plays.
pub(crate) struct Playing {
    part: Part,
    task: JoinHandle<()>,
}

/// Nodes by their tokens, users by theirs.
struct Members {
    tokens: ServiceTokens,
    verifier: Arc<Verifier>,
}

// === impl Role ===

impl Role {
    /// What the flags make of the process.
    ///
    /// # Errors
    /// When the node's name is none.
    pub(crate) fn of(
        modules: Option<Vec<ModuleName>>,
        home: Option<String>,
        id: Option<String>,
    ) -> Result<Self, Failure> {
        let (Some(modules), Some(home)) = (modules, home) else { return Ok(Self::Home) };
        let id = id.map(|id| id.parse()).transpose();
        let id = id.map_err(|error| Failure::Config(format!("--node-id: {error}")))?;
        Ok(Self::Node { modules, home: home.trim_end_matches('/').to_owned(), id })
    }

    /// The modules that are opened here.
    pub(crate) fn modules(&self) -> &[ModuleName] {
        match self {
            Self::Home => &ModuleName::ALL,
            Self::Node { modules, .. } => modules,
        }
    }
}

// === impl Cluster ===

impl Cluster {
    /// Reads or makes what the part needs. A home has a control store. Blocks.
    pub(crate) fn open(
        config: &Config,
        host: &Host,
        (role, control): (Role, Option<Control>),
        verifier: Arc<Verifier>,
    ) -> Result<Self, Failure> {
        let directory = &config.data.directory;
        std::fs::create_dir_all(directory).map_err(anyhow::Error::from)?;
        let key = secrets::read_or_make(directory, secrets::CLUSTER_KEY)?;
        let name = match &role {
            Role::Home => "home",
            Role::Node { .. } => "node",
        };
        let tokens = ServiceTokens::new(name, &secrets::bytes(&key));
        let registry = Registry::default();
        // A node has nothing before its home has told it what it has: it turns every call away that was sent in an epoch.
        let first = if control.is_some() { 1 } else { 0 };
        for module in role.modules() {
            registry.serve(host.endpoint(*module, Epoch::new(first)));
        }
        let router =
            Arc::new(Router::new(config.router_settings(), &ModuleName::ALL.map(ModuleName::as_str)));
        let part = match (role, control) {
            (Role::Node { modules, home, id }, _) => {
                let home = watch::Sender::new(home);
                Part::Node { modules, home, id, server: Arc::default(), ending: Arc::default() }
            }
            (Role::Home, None) => return Err(Failure::Other(anyhow::anyhow!("home has no control store"))),
            (Role::Home, Some(control)) => Part::Home(Home::new(Parts {
                control,
                host: host.clone(),
                router: Arc::clone(&router),
                registry: registry.clone(),
                tokens: tokens.clone(),
                cluster_key: key,
                operator_token: secrets::read_or_make(directory, secrets::OPERATOR_TOKEN)?,
                foreign: config.foreign(),
                config: config.clone(),
            })?),
        };
        let guard = Arc::new(Members { tokens: tokens.clone(), verifier });
        Ok(Self { tokens, registry, guard, router, part })
    }

    /// Lets public requests for these modules wait until home has taken over what was decided.
    pub(crate) fn park(&self, modules: &[ModuleName]) {
        for module in modules {
            self.router.park(module.as_str());
        }
    }

    /// Whether the process faces clients.
    pub(crate) fn is_home(&self) -> bool {
        matches!(self.part, Part::Home(_))
    }

    /// Adds the routes that only members and operators see.
    pub(crate) fn routes(&self, config: &mut web::ServiceConfig) {
        config.app_data(web::Data::from(Arc::clone(&self.router)));
        match &self.part {
            Part::Home(home) => {
                config.app_data(web::Data::new(home.clone()));
                home::internal_routes(config);
                home::admin_routes(config);
                home::move_routes(config);
            }
            Part::Node { server, home, id, ending, .. } => {
                config.app_data(web::Data::new(Asked {
                    tokens: self.tokens.clone(),
                    id: *id,
                    server: Arc::clone(server),
                    home: home.clone(),
                    ending: Arc::clone(ending),
                }));
                config.app_data(web::Data::new(Owner::of(self.registry.clone())));
                node::asked_routes(config);
            }
        }
        seam::server::configure(self.registry.clone(), Arc::clone(&self.guard))(config);
    }

    /// Begins to play the part, now that the process listens at `own_url`.
    pub(crate) fn start(
        &self,
        config: &Config,
        host: &Host,
        own_url: String,
        server: ServerHandle,
    ) -> Result<Playing, Failure> {
        let task = match &self.part {
            Part::Home(home) => {
                let public = config.server.public_url.clone().unwrap_or_else(|| own_url.clone());
                host.listens_at(public.clone());
                let here = Here { url: own_url.clone(), pid: std::process::id() };
                here.write(&config.data.directory)?;
                home.start(Urls { public, local: own_url })
            }
            Part::Node { modules, home, id, server: told, ending } => {
                told.get_or_init(|| server.clone());
                let url = config.server.public_url.clone().filter(|_| id.is_none()).unwrap_or(own_url);
                let node = Node {
                    // Started again at the same address it is the same node, and has what that had.
                    id: id.unwrap_or_else(|| NodeId::of_url(&url)),
                    home: home.subscribe(),
                    ending: Arc::clone(ending),
                    url,
                    spawned: id.is_some(),
                    modules: modules.clone(),
                    host: host.clone(),
                    registry: self.registry.clone(),
                    stores: module_stores(config, modules)?,
                    tokens: self.tokens.clone(),
                    server,
                };
                tokio::spawn(node.follow())
            }
        };
        Ok(Playing { part: self.part.clone(), task })
    }
}

/// Where the stores are that this process is configured with.
fn module_stores(config: &Config, modules: &[ModuleName]) -> Result<BTreeMap<ModuleName, StoreUrl>, Failure> {
    let url = |module: &ModuleName| Ok((*module, config.store_url(module.as_str())?));
    modules.iter().map(url).collect::<Result<_, String>>().map_err(Failure::Config)
}

// === impl Playing ===

impl Playing {
    /// Ends the part in order: a home ends the nodes that it started.
    pub(crate) async fn stop(self) {
        self.task.abort();
        // It may hold the control store in the middle of a step, which is then finished after the next start.
        drop(self.task.await);
        if let Part::Home(home) = self.part {
            home.stop_nodes().await;
            let closed = tokio::task::spawn_blocking(move || home.close()).await;
            if closed.is_err() {
                log::error!("closing the control store panicked");
            }
        }
    }
}

// === impl Members ===

#[async_trait::async_trait]
impl Guard for Members {
    fn admits(&self, token: &str, audience: &str) -> bool {
        self.tokens.admits(token, audience)
    }

    async fn user(&self, token: &str) -> Result<Principal, UserRefused> {
        self.verifier.verify(token).await.map_err(|error| match error {
            AuthError::Unavailable => UserRefused::Unavailable,
            AuthError::Expired | AuthError::Invalid => UserRefused::Invalid,
        })
    }
}

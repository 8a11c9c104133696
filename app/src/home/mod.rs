//! The process that faces clients: where modules are placed, and how that changes.
//!
//! | part | role |
//! |---|---|
//! | `secrets`, `here` | files in the data directory: what proves an operator and a node, where home is |
//! | `directory` | what home and nodes tell each other |
//! | `live` | which nodes are alive, and what they follow |
//! | `spawn`, `nodes` | nodes that home starts itself: how, and which of them should run |
//! | `driver` | carries operations out, step by step |
//! | `moving` | carries handovers out, state by state |
//! | `apply` | makes router, callers and workers look as it was decided |
//! | `internal` | what nodes ask |
//! | `admin`, `moves`, `access`, `status` | what operators ask |
//! | `candidates` | where a module can go |

mod access;
mod admin;
mod apply;
mod candidates;
mod directory;
mod driver;
mod here;
mod internal;
mod live;
mod moves;
mod moving;
mod nodes;
pub(crate) mod secrets;
mod spawn;
mod status;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as StdMutex, OnceLock};

use handover::{Control, OperationId};
use router::{Router, shadow, split};
use seam::server::Registry;
use seam::tokens::ServiceTokens;
use tokio::sync::{Mutex, Notify, watch};

pub(crate) use access::may_place;
pub(crate) use admin::{AbsorbOrder, CanExtract, ExtractOrder, OperationView, RollbackOrder, admin_routes};
pub(crate) use directory::{AUDIENCE, Assigned, Directory, Follow, Join, Moved, Next, Stop};
pub(crate) use here::{Here, OnlyHome};
pub(crate) use internal::{contract_version, from_member, internal_routes};
pub(crate) use moves::{Begun, CompleteOrder, HandoverView, move_routes};
pub(crate) use status::{Status, Traffic};

use crate::config::Config;
use crate::host::Host;
use live::Live;
use moving::{Moving, Shown};
use spawn::Spawner;

/// The home's control over its modules. Clones share it.
#[derive(Clone)]
pub(crate) struct Home {
    inner: Arc<Inner>,
}

struct Inner {
    control: Control,
    host: Host,
    router: Arc<Router>,
    /// The modules that calls of other processes reach here.
    registry: Registry,
    tokens: ServiceTokens,
    operator_token: String,
    cluster_key: String,
    config: Config,
    /// What is known of handovers beside what is written down.
    moving: Mutex<BTreeMap<OperationId, Moving>>,
    /// What is shown of them.
    shown: StdMutex<BTreeMap<OperationId, Shown>>,
    /// Foreign applications, with which every route table begins.
    foreign: router::Table,
    urls: OnceLock<Urls>,
    live: Live,
    spawner: Spawner,
    client: reqwest::Client,
    /// What was applied last. Whoever applies holds it.
    applied: Mutex<apply::Applied>,
    /// Whoever lets a node join holds it.
    joining: Mutex<()>,
    /// The directory that nodes follow.
    directory: watch::Sender<Directory>,
    /// Something happened that the driver should look at.
    stir: Notify,
}

/// What home is made of.
pub(crate) struct Parts {
    pub(crate) control: Control,
    pub(crate) host: Host,
    pub(crate) router: Arc<Router>,
    pub(crate) registry: Registry,
    pub(crate) tokens: ServiceTokens,
    pub(crate) operator_token: String,
    pub(crate) cluster_key: String,
    pub(crate) foreign: router::Table,
    pub(crate) config: Config,
}

/// Where home answers.
pub(crate) struct Urls {
    /// For clients.
    pub(crate) public: String,
    /// For nodes on this machine.
    pub(crate) local: String,
}

impl Home {
    pub(crate) fn new(parts: Parts) -> anyhow::Result<Self> {
        let Parts { control, host, router, registry, tokens, operator_token, cluster_key, foreign, config } =
            parts;
        Ok(Self {
            inner: Arc::new(Inner {
                control,
                host,
                router,
                registry,
                tokens,
                operator_token,
                cluster_key,
                foreign,
                urls: OnceLock::new(),
                live: Live::default(),
                spawner: Spawner::new(config.file.clone(), &config.data.directory),
                config,
                moving: Mutex::default(),
                shown: StdMutex::default(),
                client: seam::http::client()?,
                applied: Mutex::default(),
                joining: Mutex::default(),
                directory: watch::Sender::new(Directory::default()),
                stir: Notify::new(),
            }),
        })
    }

    /// Tells where home answers, and drives from now on. The task ends when it is aborted.
    pub(crate) fn start(&self, urls: Urls) -> tokio::task::JoinHandle<()> {
        // Told once; the first holds.
        self.inner.urls.get_or_init(|| urls);
        let home = self.clone();
        tokio::spawn(async move {
            let router = &home.inner.router;
            tokio::join!(home.drive(), router.watch_health(), home.watch_shadows());
        })
    }

    /// Compares what nodes answer to copied reads with what home answers once more.
    async fn watch_shadows(&self) {
        let Some(url) = self.inner.urls.get().and_then(|urls| urls.local.parse().ok()) else {
            return log::error!("home has no address of its own: copied requests cannot be compared");
        };
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = vec![
            header(shadow::MARK, "1"),
            header(split::OVERRIDE, "local"),
            header(split::OPERATOR, &self.inner.operator_token),
        ];
        self.inner.router.watch_shadows(shadow::Primary { url, headers }).await;
    }

    /// Where clients reach the shop.
    fn public_url(&self) -> &str {
        self.inner.urls.get().map_or("", |urls| &urls.public)
    }

    async fn nodes_or_none(&self) -> Vec<handover::Node> {
        self.inner.control.nodes().await.unwrap_or_else(|error| {
            log::error!("which nodes there are cannot be read, none is asked to end: {error}");
            Vec::new()
        })
    }

    /// Asks a node to end in order. It may be gone already.
    pub(super) async fn stop_node(&self, node: &handover::Node) {
        let Ok(token) = self.inner.tokens.mint(AUDIENCE) else { return };
        let asked = self
            .inner
            .client
            .post(format!("{}/_internal/control/stop", node.url))
            .bearer_auth(token)
            .json(&Stop { node: node.id })
            .timeout(std::time::Duration::from_secs(2))
            .send()
            .await;
        match asked {
            Ok(_answer) => log::info!("node {} was asked to end", node.id),
            Err(error) => log::info!("node {} does not answer, it may have ended: {error}", node.id),
        }
    }

    /// Ends the nodes that home started. Called when home ends in order.
    pub(crate) async fn stop_nodes(&self) {
        for node in self.nodes_or_none().await {
            if node.spawned && self.inner.live.heard(node.id).is_some() {
                self.stop_node(&node).await;
            }
        }
    }

    /// Closes the control store. Blocks.
    pub(crate) fn close(&self) {
        self.inner.control.close();
    }
}

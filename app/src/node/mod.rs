//! A process that hosts some of the modules for a home.
//!
//! It introduces itself, follows home's directory of modules for as long as it runs, and says which generation it follows.
//! Home may restart or be away: the node keeps what it knows and introduces itself again. It may itself start before home.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use handover::NodeId;
use kernel::store::{Place, StoreUrl};
use seam::Epoch;
use seam::server::Registry;
use seam::tokens::ServiceTokens;
use tokio::sync::{Notify, watch};

use crate::exit::Failure;
use crate::home::{AUDIENCE, Directory, Follow, Join};
use crate::host::{Calls, Host, ModuleName, To, Wire};

mod asked;

pub(crate) use asked::{Asked, asked_routes};

/// Pause after home did not answer.
const PAUSE: Duration = Duration::from_millis(500);
/// A node that home started ends when home has been away for so long: nobody would ever end it.
const ORPHANED: Duration = Duration::from_secs(120);
/// How long home may take to answer. It waits for news for a second before it does.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a node is made of.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    /// Where home answers. Home says so itself when it has moved.
    pub(crate) home: watch::Receiver<String>,
    /// Told when home asks this node to end.
    pub(crate) ending: Arc<Notify>,
    /// Where this process answers.
    pub(crate) url: String,
    /// Whether home started it.
    pub(crate) spawned: bool,
    pub(crate) modules: Vec<ModuleName>,
    pub(crate) host: Host,
    /// What calls of other processes reach here.
    pub(crate) registry: Registry,
    /// Where the stores are that this process is configured with.
    pub(crate) stores: BTreeMap<ModuleName, StoreUrl>,
    pub(crate) tokens: ServiceTokens,
    pub(crate) server: ServerHandle,
}

/// How a call of home went.
enum Answer {
    /// It told where the modules are.
    Directory(Directory),
    /// It is there, and cannot do anything now.
    Troubled(String),
    /// It does not take this node, or does not answer.
    Lost(String),
}

impl Node {
    /// Follows home until it asks this node to end, or the task is dropped.
    pub(crate) async fn follow(self) {
        let ending = Arc::clone(&self.ending);
        tokio::select! { () = ending.notified() => {}, () = self.follow_on() => {} }
    }

    async fn follow_on(mut self) {
        let client = match seam::http::client() {
            Ok(client) => client,
            Err(error) => return log::error!("no HTTP client, home is never asked: {error}"),
        };
        let mut known: Option<Directory> = None;
        let mut calls = Calls::default();
        let mut joined = false;
        let mut heard = Instant::now();
        let mut home = self.home.borrow_and_update().clone();
        loop {
            let now = self.home.borrow_and_update().clone();
            if now != home {
                log::info!("home is at {now} now, it was at {home}");
                (home, joined, known) = (now, false, None);
            }
            let answer = if joined {
                let generation = known.as_ref().map_or(0, |known| known.generation);
                let follow =
                    Follow { node: self.id, url: self.url.clone(), pid: std::process::id(), generation };
                self.ask(&client, &home, "follow", &follow).await
            } else {
                self.ask(&client, &home, "join", &self.introduction()).await
            };
            if !matches!(answer, Answer::Lost(_)) {
                heard = Instant::now();
            }
            match answer {
                Answer::Directory(directory) => {
                    if !joined {
                        log::info!("joined the home at {home} as node {}", self.id);
                    }
                    joined = true;
                    // A home that has just started does not know yet what was decided.
                    if directory.generation > 0 && known.as_ref() != Some(&directory) {
                        match self.take_over(&client, &home, &mut calls, &directory).await {
                            Ok(()) => known = Some(directory),
                            Err(error) => {
                                log::error!(
                                    "generation {} cannot be followed: {error}",
                                    directory.generation
                                );
                                tokio::time::sleep(PAUSE).await;
                            }
                        }
                    }
                }
                Answer::Troubled(why) | Answer::Lost(why) => {
                    if joined {
                        log::warn!("home at {home} is lost, what is known of it stays: {why}");
                    }
                    joined = false;
                    if self.spawned && heard.elapsed() > ORPHANED {
                        log::warn!("home has been away for {ORPHANED:?}, this node ends");
                        return self.server.stop(true).await;
                    }
                    let told = self.home.changed();
                    tokio::select! { () = tokio::time::sleep(PAUSE) => {}, _changed = told => {} }
                }
            }
        }
    }

    fn introduction(&self) -> Join {
        let modules = self
            .modules
            .iter()
            .map(|module| (module.as_str().to_owned(), crate::home::contract_version(*module)));
        Join {
            node: self.id,
            url: self.url.clone(),
            modules: modules.collect::<BTreeMap<_, _>>(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            spawned: self.spawned,
            pid: std::process::id(),
        }
    }

    async fn ask(
        &self,
        client: &reqwest::Client,
        home: &str,
        what: &str,
        body: &impl serde::Serialize,
    ) -> Answer {
        let url = format!("{home}/_internal/control/{what}");
        let token = match self.tokens.mint(AUDIENCE) {
            Ok(token) => token,
            Err(error) => return Answer::Lost(error.to_string()),
        };
        let asked = client.post(url).bearer_auth(token).timeout(PATIENCE).json(body).send().await;
        match asked {
            Ok(answer) if answer.status().is_success() => match answer.json().await {
                Ok(directory) => Answer::Directory(directory),
                Err(error) => Answer::Lost(error.to_string()),
            },
            Ok(answer) => {
                let status = answer.status();
                let why = format!("{status}: {}", answer.text().await.unwrap_or_default());
                if status.is_server_error() { Answer::Troubled(why) } else { Answer::Lost(why) }
            }
            Err(error) => Answer::Lost(error.to_string()),
        }
    }

    /// Opens the stores that are this node's or will be, and sends calls where the directory says.
    async fn take_over(
        &self,
        client: &reqwest::Client,
        home: &str,
        calls: &mut Calls,
        directory: &Directory,
    ) -> Result<(), Failure> {
        self.host.listens_at(directory.public_url.clone());
        let (mut here, mut failed) = (BTreeSet::new(), None);
        for (module, configured) in &self.stores {
            match self.own(*module, configured, directory).await {
                Ok(true) => drop(here.insert(*module)),
                Ok(false) => {}
                // The others go on.
                Err(error) => failed = Some(error),
            }
        }
        for module in ModuleName::ALL {
            let assigned = directory.assigned(module.as_str());
            let epoch = assigned.epoch;
            let to = match directory.callees.get(module.as_str()) {
                _ if assigned.parked => To::Wait,
                _ if here.contains(&module) => To::Here(epoch),
                Some(nodes) => To::At(nodes.clone(), epoch),
                None => To::At(vec![home.to_owned()], epoch),
            };
            let waits = to == To::Wait;
            let wire = Wire { client, tokens: &self.tokens };
            match calls.send(&self.host, &wire, module, to) {
                // Home waits for this node only so long; the store's own fence does not depend on it.
                Some(retired) if waits => {
                    let budget = Duration::from_millis(assigned.budget_ms);
                    let _all_left = retired.drained(Instant::now() + budget).await;
                }
                retired => drop(retired),
            }
        }
        for module in here {
            self.host.start_work(module);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Opens the store of a module that is here, or gives it up. Says whether it is this node's.
    async fn own(
        &self,
        module: ModuleName,
        configured: &StoreUrl,
        directory: &Directory,
    ) -> Result<bool, Failure> {
        let assigned = directory.assigned(module.as_str());
        let wrong = |error| Failure::Config(format!("the store of {module}: {error}"));
        let owned = assigned.place(self.id, configured).map_err(wrong)?;
        let next = assigned.next.as_ref().filter(|next| owned.is_none() && next.nodes.contains(&self.id));
        let place = match next {
            Some(next) => Some(Place { url: next.store.parse().map_err(wrong)?, epoch: next.epoch }),
            None => owned.clone(),
        };
        // While calls wait to enter, work goes on: requests that are inside may wait for it.
        if owned.is_none() {
            self.host.stop_work(module, Instant::now()).await;
        }
        let (epoch, under) = match next {
            Some(next) => (next.epoch, Some(next.handover)),
            None => (assigned.epoch, None),
        };
        let open = place.is_some();
        self.host.attach(module, place, under).await?;
        // Calls that others sent before they heard that they should wait are answered here: they are waited for. The epoch is set and
        // not raised: a handover that goes back promises the same one again.
        let here = self.host.endpoint_here(module, Epoch::new(epoch)).filter(|_| open);
        self.registry.serve(here.unwrap_or_else(|| self.host.endpoint(module, Epoch::new(epoch))));
        Ok(owned.is_some() && !assigned.parked)
    }
}

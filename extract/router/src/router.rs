//! The router: a table in force, a gate per module, and what is known of every upstream.
//!
//! **Rules.** A request first gets its permit and then reads the placement. So whoever parks a module, waits until it is
//! drained, installs another table and releases it knows that no request acts on the old placement: those before hold
//! permits, those after read the new one. A table is installed whole; an older generation is refused, the same one again
//! changes nothing, and the same number with other content is refused as a mistake.
//!
//! **Cost.** While a module has no instances, [`Router::decide`] is the gate's one compare-and-swap and one atomic load,
//! and allocates nothing.
//!
//! **Odd cases.** A permit is given back when the head of the answer is there, not when its body is over: what a request
//! does is done by then, and a stream that lasts for hours must not hold up a switch. For a local request the caller keeps
//! to the same. The table's `parked` parks and releases when it changes, and else leaves alone what [`Router::park`] did.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use arc_swap::ArcSwap;

use self::install::Installed;
use self::module::Module;
use crate::error::ProxyError;
use crate::gate::{Park, Permit};
use crate::proxy::{self, Extra};
use crate::settings::Settings;
use crate::shadow::Shadows;
use crate::split::{self, Client, Place};
use crate::table::{Table, is_reserved};
use crate::target::Target;

mod install;
mod module;
mod watch;

pub use self::install::InstallError;
pub use self::module::{InstanceStats, ModuleStats};

/// Decides where requests go, and brings them there.
#[derive(Debug)]
pub struct Router {
    settings: Settings,
    modules: Vec<Module>,
    installed: ArcSwap<Installed>,
    /// Whether there is any prefix: read before the table.
    has_prefixes: AtomicBool,
    /// One table is installed at a time.
    installing: Mutex<()>,
    shadows: Shadows,
}

/// Where one request goes.
#[derive(Debug)]
pub enum Decision {
    /// It is answered here. The permit is dropped when the answer's head is there.
    Local(Permit),
    /// It is forwarded with [`Router::forward`].
    Remote(Remote),
}

/// A request's way out.
#[derive(Debug)]
pub struct Remote {
    target: Arc<Target>,
    /// Index of the module, for a request that has one.
    module: Option<usize>,
    permit: Option<Permit>,
}

// === impl Router ===

impl Router {
    /// A router for these modules, all of them local.
    pub fn new(settings: Settings, modules: &[&str]) -> Self {
        let modules = modules.iter().map(|name| Module::new(name, &settings)).collect();
        let installed = Installed { table: Table::default(), prefixes: Vec::new() };
        Self {
            shadows: Shadows::new(settings.shadow),
            settings,
            modules,
            installed: ArcSwap::from_pointee(installed),
            has_prefixes: AtomicBool::new(false),
            installing: Mutex::new(()),
        }
    }

    /// Generation of the table in force; 0 before the first.
    pub fn generation(&self) -> u64 {
        self.installed.load().table.generation
    }

    /// The table in force.
    pub fn table(&self) -> Table {
        self.installed.load().table.clone()
    }

    /// Decides where a request to `module` goes, once it may go anywhere.
    ///
    /// # Errors
    /// [`ProxyError::Refused`] if the gate does not let it in before `deadline`; a module that is not known is
    /// [`ProxyError::Internal`].
    pub async fn decide(
        &self,
        module: &str,
        client: &Client<'_>,
        deadline: Instant,
    ) -> Result<Decision, ProxyError> {
        let (index, module) = self.find(module).ok_or(ProxyError::Internal("there is no such module"))?;
        let permit = module.gate.enter(deadline).await?;
        if !module.is_out.load(Ordering::Acquire) {
            return Ok(Decision::Local(permit));
        }
        let route = module.route.load();
        let Some(route) = route.as_ref() else { return Ok(Decision::Local(permit)) };
        Ok(match split::place(route.weight, &module.name, client) {
            Place::Local => Decision::Local(permit),
            Place::Remote => {
                let target = Arc::clone(&route.target);
                Decision::Remote(Remote { target, module: Some(index), permit: Some(permit) })
            }
        })
    }

    /// The foreign application that `path` belongs to, if it does to one.
    pub fn prefix(&self, path: &str) -> Option<Remote> {
        if !self.has_prefixes.load(Ordering::Acquire) || is_reserved(path) {
            return None;
        }
        let installed = self.installed.load();
        let (prefix, target) = installed.prefixes.iter().find(|(prefix, _)| prefix.covers(path))?;
        if prefix.local {
            return None;
        }
        Some(Remote { target: Arc::clone(target), module: None, permit: None })
    }

    /// Sends a request out and gives back the answer, whose body is still on its way.
    ///
    /// # Errors
    /// See [`ProxyError`].
    pub async fn forward(
        &self,
        remote: Remote,
        request: &HttpRequest,
        payload: Payload,
        extra: Extra<'_>,
        deadline: Instant,
    ) -> Result<HttpResponse, ProxyError> {
        let began = Instant::now();
        let Remote { target, module, permit } = remote;
        let module = module.and_then(|index| self.modules.get(index));
        let latest = || Some(Arc::clone(&module?.route.load().as_ref()?.target));
        let answered =
            proxy::forward(target, latest, request, payload, extra, deadline, &self.settings).await;
        drop(permit);
        if let Some(module) = module {
            let status = answered.as_ref().map_or_else(ProxyError::status, |answer| answer.status().as_u16());
            module.remote.record(status, began.elapsed());
        }
        answered
    }

    /// Takes in how a request that was answered here went.
    pub fn observe_local(&self, module: &str, status: u16, latency: Duration) {
        if let Some((_, module)) = self.find(module) {
            module.local.record(status, latency);
        }
    }

    /// How every module does.
    pub fn stats(&self) -> Vec<ModuleStats> {
        self.modules.iter().map(Module::stats).collect()
    }

    /// Forgets what a module did, so that a new phase is judged by its own requests.
    pub fn clear_stats(&self, module: &str) {
        if let Some((_, module)) = self.find(module) {
            module.local.clear();
            module.remote.clear();
        }
    }

    /// How it went for the requests to `module` that came while it was parked last.
    pub fn last_park(&self, module: &str) -> Option<Park> {
        self.find(module).map(|(_, module)| module.gate.last_park())
    }

    /// From now on requests to `module` wait. `false` if there is no such module; so with the next two.
    pub fn park(&self, module: &str) -> bool {
        self.find(module).map(|(_, module)| module.gate.park()).is_some()
    }

    /// Lets them go on.
    pub fn release(&self, module: &str) -> bool {
        self.find(module).map(|(_, module)| module.gate.release()).is_some()
    }

    /// Waits until no request to `module` is being executed; it should be parked. `false` if `deadline` came first.
    pub async fn drained(&self, module: &str, deadline: Instant) -> bool {
        match self.find(module) {
            Some((_, module)) => module.gate.drained(deadline).await,
            None => false,
        }
    }

    fn find(&self, name: &str) -> Option<(usize, &Module)> {
        self.modules.iter().enumerate().find(|(_, module)| module.name == name)
    }
}

// === impl Remote ===

impl Remote {
    /// The epoch that the request is sent in; a foreign application has none.
    pub fn epoch(&self) -> Option<u64> {
        self.target.epoch
    }
}

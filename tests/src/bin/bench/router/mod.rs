//! The third part: Banyan's router beside nginx and HAProxy, all in front of the same upstream.
//!
//! | part | role |
//! |---|---|
//! | `proxy` | the proxies and their configurations |
//! | `upstream` | what they lead to: this program again, as `bench upstream` |

pub(crate) mod proxy;
pub(crate) mod upstream;

use anyhow::Context as _;
use tempfile::TempDir;

use crate::cases::repeated;
use crate::http::request;
use crate::load::{Measured, Plan, Side, in_turn};
use crate::machine::Pinning;
use crate::say;
use crate::server::Server;
use proxy::Proxy;

/// Connections at the same time: as many as keep a proxy busy, and one, which never waits for another.
const CONNECTIONS: [usize; 2] = [16, 1];
/// What is asked for.
const PATH: &str = "/bench/products/amber-desk-lamp";

/// What was measured.
#[derive(Debug)]
pub(crate) struct Router {
    /// With many connections, and with one.
    pub(crate) loads: Vec<Load>,
    /// The proxies that are there, with their versions.
    pub(crate) proxies: Vec<(Proxy, String)>,
    /// The proxies that are not installed.
    pub(crate) missing: Vec<Proxy>,
}

/// One number of connections.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// Without a proxy.
    pub(crate) direct: Measured,
    /// In the order of `Router::proxies`.
    pub(crate) proxied: Vec<Measured>,
}

/// Measures the upstream alone and behind each proxy that is installed, in turn.
pub(crate) async fn measure(plan: Plan, pinning: Pinning) -> anyhow::Result<Router> {
    let directory = TempDir::with_prefix("banyan-bench-")?;
    let upstream = Server::upstream().await?;
    let mut servers = Vec::new();
    let mut router = Router { loads: Vec::new(), proxies: Vec::new(), missing: Vec::new() };
    for proxy in Proxy::ALL {
        let Some(version) = proxy.version()? else {
            say(&format!(
                "{} IS NOT INSTALLED and is left out: apt-get install {}",
                proxy.name(),
                proxy.package()
            ));
            router.missing.push(proxy);
            continue;
        };
        let files = directory.path().join(proxy.package());
        std::fs::create_dir(&files)?;
        servers.push(proxy.start(&files, upstream.address(), pinning).await?);
        router.proxies.push((proxy, version));
    }
    for connections in CONNECTIONS {
        say(&format!("measuring: the router, connections: {connections}"));
        let scripts = || repeated(request("GET", PATH, "", ""), connections);
        let mut sides = vec![Side::new("the upstream", upstream.pid(), upstream.address(), scripts())?];
        for ((proxy, _), server) in router.proxies.iter().zip(&servers) {
            sides.push(Side::new(proxy.name(), server.pid(), server.address(), scripts())?);
        }
        let mut measured = in_turn(plan, &sides).await?.into_iter();
        let direct = measured.next().context("nothing was measured")?;
        router.loads.push(Load { connections, direct, proxied: measured.collect() });
    }
    // Nothing of theirs is kept, so all of them are simply killed when they are dropped.
    Ok(router)
}

// === impl Router ===

impl Router {
    /// What was measured of a proxy with many connections.
    pub(crate) fn busy(&self, proxy: Proxy) -> Option<&Measured> {
        let place = self.proxies.iter().position(|(known, _)| *known == proxy)?;
        self.loads.first()?.proxied.get(place)
    }
}

//! The third part of the report: the router beside other proxies.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Bar, cost, latency};
use crate::load::Measured;
use crate::router::proxy::Proxy;
use crate::router::{Load, Router};

/// Least requests of one second of processor time, as a part of nginx's.
const LEAST_OF_NGINX: f64 = 0.7;
/// Most 99th percentile, as a multiple of HAProxy's.
const MOST_OF_HAPROXY: f64 = 1.25;

impl Router {
    /// The table.
    pub(super) fn write(&self, out: &mut String) -> std::fmt::Result {
        let versions: Vec<String> =
            self.proxies.iter().map(|(proxy, version)| format!("{} {version}", proxy.name())).collect();
        writeln!(
            out,
            "## The router\n\nOne worker of each of {} in front of the same small server, connections kept open on both sides, no \
             line for each request; each passes the client's address on. Banyan's prefix is a `[[router.prefixes]]`. The small server \
             shares the load generator's processor. CPU is the processor time of the proxy alone for one request; added is what the \
             proxy adds to the median and to the 99th percentile without one.\n",
            versions.join(", ")
        )?;
        for missing in &self.missing {
            let (name, package) = (missing.name(), missing.package());
            writeln!(
                out,
                "**{name} was not installed** (`apt-get install {package}`): its rows and its bar are missing.\n"
            )?;
        }
        writeln!(
            out,
            "| proxy | connections | /s | CPU | requests per CPU-second | p50 | added | p99 | added |"
        )?;
        writeln!(out, "|---|--:|--:|--:|--:|--:|--:|--:|--:|")?;
        for Load { connections, direct, proxied } in &self.loads {
            let (middle, tail) = (direct.percentile(50), direct.percentile(99));
            writeln!(
                out,
                "| none | {connections} | {:.0} | | | {} | | {} | |",
                direct.rate(),
                latency(middle),
                latency(tail)
            )?;
            for ((proxy, _), measured) in self.proxies.iter().zip(proxied) {
                writeln!(
                    out,
                    "| {} | {connections} | {:.0} | {} | {:.0} | {} | {} | {} | {} |",
                    proxy.name(),
                    measured.rate(),
                    cost(measured.cost()),
                    per_second(measured),
                    latency(measured.percentile(50)),
                    added(measured.percentile(50), middle),
                    latency(measured.percentile(99)),
                    added(measured.percentile(99), tail),
                )?;
            }
        }
        writeln!(out)
    }

    /// Its bars: with many connections.
    pub(super) fn bars(&self) -> Vec<Bar> {
        let Some(banyan) = self.busy(Proxy::Banyan) else { return Vec::new() };
        let nginx = self.busy(Proxy::Nginx).map(|nginx| {
            let ratio = per_second(banyan) / per_second(nginx);
            Bar {
                what: "router: requests per CPU-second, of nginx's".to_owned(),
                bar: format!("≥ {LEAST_OF_NGINX:.1}"),
                measured: format!("{ratio:.2}"),
                met: ratio >= LEAST_OF_NGINX,
            }
        });
        let haproxy = self.busy(Proxy::Haproxy).map(|haproxy| {
            let tail = |measured: &Measured| measured.percentile(99).as_secs_f64();
            let ratio = tail(banyan) / tail(haproxy);
            Bar {
                what: "router: 99th percentile, of HAProxy's".to_owned(),
                bar: format!("≤ {MOST_OF_HAPROXY:.2}"),
                measured: format!("{ratio:.2}"),
                met: ratio <= MOST_OF_HAPROXY,
            }
        });
        nginx.into_iter().chain(haproxy).collect()
    }
}

/// Requests for one second of the server's processor time.
fn per_second(measured: &Measured) -> f64 {
    1e6 / measured.cost()
}

/// The difference, which chance can make negative.
fn added(with: Duration, without: Duration) -> String {
    let millis = (with.as_secs_f64() - without.as_secs_f64()) * 1e3;
    format!("{millis:+.2} ms")
}

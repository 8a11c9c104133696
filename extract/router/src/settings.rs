//! What a router may be told.

use std::net::IpAddr;
use std::time::Duration;

use crate::breaker;
use crate::gate;
use crate::retry::BudgetPolicy;
use crate::shadow;

/// Everything that bounds the router. The defaults suit a home in front of nodes of its own network.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name in `Via` and in `Forwarded`, by which circles are noticed.
    pub pseudonym: String,
    /// The cookie that holds a login, for placing clients.
    pub session_cookie: String,
    /// Addresses of proxies in front whose `X-Forwarded-*`, `Forwarded` are believed. From others they are replaced.
    pub trusted: Vec<IpAddr>,
    /// Each module's gate.
    pub gate: gate::Limits,
    /// Connections to each upstream.
    pub pool: Pool,
    /// Sizes.
    pub limits: Limits,
    /// Each upstream's breaker.
    pub breaker: breaker::Policy,
    /// Retries of each module.
    pub retries: BudgetPolicy,
    /// The active checks.
    pub health: Health,
    /// The comparison of placements.
    pub shadow: shadow::Limits,
}

/// Connections to one upstream, of one worker thread.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    /// Most connections, busy and idle.
    pub most: usize,
    /// Most idle ones that are kept.
    pub idle: usize,
    /// Longest time one is kept idle; below the upstream's own keep-alive, so that it is rarely the one to close.
    pub idle_timeout: Duration,
}

/// Sizes and pauses of messages.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest request body, in bytes.
    pub body: u64,
    /// Longest header section, in bytes, of requests and of responses.
    pub headers: usize,
    /// Longest pause in which neither a body nor an upgraded connection makes progress.
    pub idle: Duration,
}

/// How often upstreams are asked how they are.
#[derive(Debug, Clone)]
pub struct Health {
    /// Between two checks of one upstream.
    pub interval: Duration,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Failed checks in a row after which an upstream is not used. One success brings it back.
    pub failures: u32,
    /// What is asked of a module's instance. Any status below 400 is well.
    pub path: String,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            pseudonym: "banyan".to_owned(),
            session_cookie: "session".to_owned(),
            trusted: Vec::new(),
            gate: gate::Limits::default(),
            pool: Pool { most: 1024, idle: 64, idle_timeout: Duration::from_secs(45) },
            limits: Limits { body: 4 << 30, headers: 64 * 1024, idle: Duration::from_secs(60) },
            breaker: breaker::Policy::default(),
            retries: BudgetPolicy::default(),
            health: Health {
                interval: Duration::from_secs(1),
                timeout: Duration::from_secs(2),
                failures: 3,
                path: "/healthz".to_owned(),
            },
            shadow: shadow::Limits::default(),
        }
    }
}

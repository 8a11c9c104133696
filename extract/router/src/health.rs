//! Active checks: every upstream is asked how it is, whether traffic goes there or not.
//!
//! **Why beside the breaker.** A breaker learns from requests that fail, that is from users. And an upstream that comes
//! back is noticed without risking a request on it.
//!
//! **Rules.** [`settings::Health`](crate::settings::Health) says how often, how long and how many failures count. One
//! upstream's check never waits for another's.

use std::sync::Arc;

use futures_util::future::join_all;
use http::{HeaderMap, Method};

use crate::fetch;
use crate::settings::Health;
use crate::upstream::Upstream;

/// Longest answer to a check that is read, in bytes.
const LIMIT: usize = 64 * 1024;

/// Asks all of them once.
pub(crate) async fn round(upstreams: Vec<Arc<Upstream>>, settings: &Health) {
    join_all(upstreams.iter().map(|upstream| check(upstream, settings))).await;
}

async fn check(upstream: &Upstream, settings: &Health) {
    let Some(path) = &upstream.health_path else { return };
    let asked =
        fetch::fetch(&upstream.url, Method::GET, path, HeaderMap::new(), LIMIT, settings.timeout).await;
    let (well, seen) = match asked {
        Ok(fetched) => (fetched.status < 400, format!("status {}", fetched.status)),
        Err(error) => (false, error.to_string()),
    };
    if upstream.checked(well, settings.failures) {
        let state = if well { "well again" } else { "ill" };
        log::warn!("{} at {} is {state}: {seen}", upstream.id, upstream.url);
    }
}

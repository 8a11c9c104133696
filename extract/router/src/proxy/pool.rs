//! Connections to upstreams, kept by each worker thread for itself.
//!
//! **Why.** A connection that only one thread uses needs no lock and its bodies need not cross threads.
//!
//! **Rules.** The one used last is taken first, so that surplus ones grow old and are closed. Each is driven by a task that
//! also reads while it is idle: an upstream that closes one is noticed as soon as the kernel says so. Idle ones are
//! bounded in number and age, all of an upstream's in number.
//!
//! **Odd cases.** A connection comes back when its answer has been read to the end, which may be a moment before hyper is
//! done with it; it is passed over until it is ready.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::body::RequestBody;
use super::sweep;
use crate::retry::CONNECT;
use crate::settings::{Limits, Pool};
use crate::table::BaseUrl;
use crate::upstream::Upstream;

pub(super) type Sender = SendRequest<RequestBody>;

/// Why there is no connection.
pub(super) enum NoConnection {
    /// The bound is reached.
    TooMany,
    /// It failed, or took too long.
    Failed(io::Error),
}

#[derive(Default)]
struct Connections {
    idle: Vec<Idle>,
    /// Idle and busy ones.
    open: Rc<Cell<usize>>,
}

struct Idle {
    sender: Sender,
    until: Instant,
}

/// Counts a connection for as long as its task lives.
struct Counted(Rc<Cell<usize>>);

thread_local! {
    /// By the upstream's key.
    static POOL: RefCell<HashMap<u64, Connections>> = RefCell::default();
}

/// A connection that has served before and is ready.
pub(super) fn take(upstream: &Upstream, now: Instant) -> Option<Sender> {
    POOL.with_borrow_mut(|pool| {
        let idle = &mut pool.get_mut(&upstream.key)?.idle;
        let mut at = idle.len();
        while at > 0 {
            at -= 1;
            let Some(candidate) = idle.get(at) else { break };
            if candidate.sender.is_closed() || candidate.until <= now {
                drop(idle.remove(at));
            } else if candidate.sender.is_ready() {
                return Some(idle.remove(at).sender);
            }
        }
        None
    })
}

/// Keeps a connection for the next request.
pub(super) fn put(key: u64, sender: Sender, limits: &Pool) {
    if sender.is_closed() {
        return;
    }
    POOL.with_borrow_mut(|pool| {
        let idle = &mut pool.entry(key).or_default().idle;
        if idle.len() >= limits.idle && !idle.is_empty() {
            drop(idle.remove(0));
        }
        if limits.idle > 0 {
            idle.push(Idle { sender, until: Instant::now() + limits.idle_timeout });
        }
    });
    sweep::ensure();
}

/// Makes a new connection.
pub(super) async fn connect(
    upstream: &Upstream,
    pool: &Pool,
    limits: &Limits,
    deadline: Instant,
) -> Result<Sender, NoConnection> {
    let counted = count(upstream.key, pool.most).ok_or(NoConnection::TooMany)?;
    let until = deadline.min(Instant::now() + CONNECT);
    let stream = tokio::time::timeout_at(until.into(), open(&upstream.url));
    let stream = stream.await.map_err(|_late| NoConnection::Failed(io::ErrorKind::TimedOut.into()))?;
    let stream = stream.map_err(NoConnection::Failed)?;
    let mut builder = Builder::new();
    builder.max_buf_size(limits.headers.max(MINIMUM_BUFFER));
    let shaken: hyper::Result<(Sender, _)> = builder.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|error| NoConnection::Failed(io::Error::other(error)))?;
    actix_web::rt::spawn(async move {
        let _counted = counted;
        // An error ends the request that saw it too, and is told there.
        if let Err(error) = connection.with_upgrades().await {
            log::debug!("a connection to an upstream ended: {error}");
        }
    });
    Ok(sender)
}

/// hyper's own; it panics below.
const MINIMUM_BUFFER: usize = 8192;

/// Opens a TCP connection.
pub(crate) async fn open(url: &BaseUrl) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((url.host(), url.port())).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn count(key: u64, most: usize) -> Option<Counted> {
    let open = POOL.with_borrow_mut(|pool| Rc::clone(&pool.entry(key).or_default().open));
    if open.get() >= most {
        return None;
    }
    open.set(open.get() + 1);
    Some(Counted(open))
}

/// Closes what is idle for too long. Gives back how many idle connections are left.
pub(super) fn sweep(now: Instant) -> usize {
    POOL.with_borrow_mut(|pool| {
        pool.retain(|_, connections| {
            connections.idle.retain(|idle| idle.until > now && !idle.sender.is_closed());
            !connections.idle.is_empty() || connections.open.get() > 0
        });
        pool.values().map(|connections| connections.idle.len()).sum()
    })
}

// === impl Counted ===

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

//! Sends calls to several nodes that host the same module.
//!
//! Each call goes to the one of two nodes, drawn at random, that has fewer calls in flight (the power of two choices). A
//! node that could not be reached or broke a call off is left out for a moment, unless all are. Only when no connection
//! was made, or the node turned the call away because it does not own the module (yet), is the next node asked: nothing was
//! executed, so that is no second try of the call.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::{Reply, Request, Transport, TransportError};

/// For so long a node that failed is left out.
const LEFT_OUT: Duration = Duration::from_secs(1);

/// Sends each call to one of several nodes.
pub struct Spread<T> {
    nodes: Vec<Node<T>>,
    /// What `left_out_until` counts from.
    began: Instant,
}

struct Node<T> {
    transport: T,
    in_flight: AtomicUsize,
    /// Milliseconds.
    left_out_until: AtomicU64,
}

/// A call in flight.
struct Flight<'a>(&'a AtomicUsize);

// === impl Spread ===

impl<T: Transport> Spread<T> {
    /// Sends to whatever `transports` lead to.
    pub fn new(transports: impl IntoIterator<Item = T>) -> Self {
        let nodes = transports.into_iter().map(|transport| Node {
            transport,
            in_flight: AtomicUsize::new(0),
            left_out_until: AtomicU64::new(0),
        });
        Self { nodes: nodes.collect(), began: Instant::now() }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The node for the next call, of those that were not asked for it.
    fn choose(&self, asked: &[usize]) -> Option<(usize, &Node<T>)> {
        if let [only] = self.nodes.as_slice() {
            return asked.is_empty().then_some((0, only));
        }
        let now = self.now();
        let rest = self.nodes.iter().enumerate().filter(|(index, _)| !asked.contains(index));
        let (well, left_out): (Vec<_>, Vec<_>) =
            rest.partition(|(_, node)| node.left_out_until.load(Ordering::Relaxed) <= now);
        let mut drawn = fastrand::choose_multiple(if well.is_empty() { left_out } else { well }, 2);
        // The first of two that are equal is taken, so their order must be drawn, too.
        fastrand::shuffle(&mut drawn);
        drawn.into_iter().min_by_key(|(_, node)| node.in_flight.load(Ordering::Relaxed))
    }
}

#[async_trait::async_trait]
impl<T: Transport> Transport for Spread<T> {
    async fn send(&self, request: Request) -> Result<Reply, TransportError> {
        let mut asked = Vec::new();
        let mut failure = Err(TransportError::NotConnected("no node takes calls now".to_owned()));
        while let Some((index, node)) = self.choose(&asked) {
            let _flight = Flight::begin(&node.in_flight);
            match node.transport.send(request.clone()).await {
                Err(error @ (TransportError::NotConnected(_) | TransportError::Lost(_))) => {
                    let millis = u64::try_from(LEFT_OUT.as_millis()).unwrap_or(u64::MAX);
                    node.left_out_until.store(self.now().saturating_add(millis), Ordering::Relaxed);
                    if !matches!(error, TransportError::NotConnected(_)) {
                        return Err(error);
                    }
                    failure = Err(error);
                    asked.push(index);
                }
                // That it is no owner is told to who called only if no other node is one.
                Ok(turned_away @ Reply::Misdirected { .. }) => {
                    failure = Ok(turned_away);
                    asked.push(index);
                }
                done => return done,
            }
        }
        failure
    }
}

// === impl Flight ===

impl<'a> Flight<'a> {
    fn begin(in_flight: &'a AtomicUsize) -> Self {
        in_flight.fetch_add(1, Ordering::Relaxed);
        Self(in_flight)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;

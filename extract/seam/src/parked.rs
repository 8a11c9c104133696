//! Calls that wait while their module changes hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kernel_types::Executed;
use tokio::sync::watch;

use crate::{Reply, Request, Transport, TransportError};

/// Most calls that wait.
const MOST: usize = 10_000;
/// Longest that a call waits, if its deadline does not come first.
const LONGEST: Duration = Duration::from_secs(5);

/// Keeps every call until it is told where to send them. None that waits has been executed.
pub struct Parked {
    way: watch::Receiver<Option<Way>>,
    waiting: AtomicUsize,
}

/// Lets the calls go that wait. Dropped without that, they are turned away.
pub struct Parking {
    way: watch::Sender<Option<Way>>,
}

/// Where calls go, and in which epoch.
#[derive(Clone)]
struct Way {
    transport: Arc<dyn Transport>,
    epoch: u64,
}

/// One call that waits.
struct Waits<'a>(&'a AtomicUsize);

// === impl Parked ===

impl Parked {
    /// Calls wait from now on.
    pub fn begin() -> (Self, Parking) {
        let (sender, way) = watch::channel(None);
        (Self { way, waiting: AtomicUsize::new(0) }, Parking { way: sender })
    }

    async fn wait(&self, deadline: Instant) -> Result<Way, TransportError> {
        let _waits = Waits::count(&self.waiting)?;
        let mut way = self.way.clone();
        let told = way.wait_for(Option::is_some);
        let until = deadline.min(Instant::now() + LONGEST);
        match tokio::time::timeout_at(until.into(), told).await {
            Ok(Ok(way)) => way.clone().ok_or_else(|| not_sent("it was released to nowhere")),
            Ok(Err(_dropped)) => Err(not_sent("it was never released")),
            Err(_elapsed) => Err(TransportError::TimedOut { executed: Executed::No }),
        }
    }
}

#[async_trait::async_trait]
impl Transport for Parked {
    async fn send(&self, request: Request) -> Result<Reply, TransportError> {
        let Way { transport, epoch } = self.wait(request.context.deadline).await?;
        transport.send(Request { epoch, ..request }).await
    }
}

fn not_sent(why: &str) -> TransportError {
    TransportError::NotConnected(format!("a call waited for its module to change hands, and {why}"))
}

// === impl Parking ===

impl Parking {
    /// Sends the calls that wait, and those that still come this way, over `transport` in `epoch`.
    pub fn release(self, transport: Arc<dyn Transport>, epoch: u64) {
        self.way.send_replace(Some(Way { transport, epoch }));
    }
}

// === impl Waits ===

impl<'a> Waits<'a> {
    fn count(waiting: &'a AtomicUsize) -> Result<Self, TransportError> {
        let waits = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= MOST {
            return Err(not_sent("too many did"));
        }
        Ok(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;

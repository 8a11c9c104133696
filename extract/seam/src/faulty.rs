//! A transport that fails on purpose, to test what callers make of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::{Reply, Request, Transport, TransportError};

/// One thing that goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It takes that much longer to get there.
    Delay(Duration),
    /// It arrives twice, one after the other; the second reply comes back.
    Duplicate,
    /// It never leaves: as when there is no connection.
    DropRequest,
    /// It arrives and is executed; the reply is lost.
    DropReply,
}

/// Sends over `T`, with faults.
pub struct Faulty<T> {
    inner: T,
    faults: Faults,
}

/// Decides what goes wrong. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    cycle: Vec<Option<Fault>>,
    next: usize,
}

// === impl Faults ===

impl Faults {
    /// Nothing goes wrong until [`Faults::cycle`] says so.
    pub fn none() -> Self {
        Self::default()
    }

    /// From now on what `cycle` lists goes wrong with one request after the other, over and over.
    pub fn cycle(&self, cycle: &[Option<Fault>]) {
        *self.script() = Script { cycle: cycle.to_vec(), next: 0 };
    }

    /// From now on `fault` goes wrong with every request.
    pub fn always(&self, fault: Fault) {
        self.cycle(&[Some(fault)]);
    }

    /// From now on nothing goes wrong.
    pub fn calm(&self) {
        self.cycle(&[]);
    }

    fn next(&self) -> Option<Fault> {
        let mut script = self.script();
        let fault = script.cycle.get(script.next).copied().flatten();
        script.next = script.next.saturating_add(1);
        if script.next >= script.cycle.len() {
            script.next = 0;
        }
        fault
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Faulty ===

impl<T: Transport> Faulty<T> {
    /// Sends over `inner`, with what `faults` decides.
    pub fn new(inner: T, faults: Faults) -> Self {
        Self { inner, faults }
    }
}

#[async_trait::async_trait]
impl<T: Transport> Transport for Faulty<T> {
    async fn send(&self, request: Request) -> Result<Reply, TransportError> {
        match self.faults.next() {
            None => self.inner.send(request).await,
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                self.inner.send(request).await
            }
            Some(Fault::Duplicate) => {
                let _first = self.inner.send(request.clone()).await;
                self.inner.send(request).await
            }
            Some(Fault::DropRequest) => Err(TransportError::NotConnected("dropped on purpose".to_owned())),
            Some(Fault::DropReply) => {
                let _lost = self.inner.send(request).await;
                Err(TransportError::Lost("dropped on purpose".to_owned()))
            }
        }
    }
}

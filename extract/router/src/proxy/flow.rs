//! Notices bodies that stand still.
//!
//! **Why.** An upstream that stops in the middle of a body, a client that stops reading or sending, would hold a connection
//! to an upstream for ever. A timer per body would cost every request; so each worker has one list that is looked
//! through once a second, and a body enters it only if it is not over at once.
//!
//! **Rules.** A body that made no progress for its limit is cut off: what it holds of the upstream is dropped, and who
//! polls it next gets an error. It does not matter which side stands still.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use hyper::body::Incoming;

use super::sweep;

/// A body in motion. Lives on one thread.
pub(super) struct Flow {
    limit: Duration,
    touched: Cell<Instant>,
    listed: Cell<bool>,
    expired: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    /// The upstream's side, dropped when time is up, whether anybody polls it or not.
    pub(super) incoming: RefCell<Option<Incoming>>,
}

thread_local! {
    static LISTED: RefCell<Vec<Weak<Flow>>> = const { RefCell::new(Vec::new()) };
}

// === impl Flow ===

impl Flow {
    /// `now` may be a moment old: it counts from when the body is watched.
    pub(super) fn new(limit: Duration, incoming: Option<Incoming>, now: Instant) -> Rc<Self> {
        Rc::new(Self {
            limit,
            touched: Cell::new(now),
            listed: Cell::new(false),
            expired: Cell::new(false),
            waker: RefCell::new(None),
            incoming: RefCell::new(incoming),
        })
    }

    /// It is not over at once, so it is watched from now on.
    pub(super) fn watch(self: &Rc<Self>) {
        if !self.listed.replace(true) {
            self.touched.set(Instant::now());
            LISTED.with_borrow_mut(|listed| listed.push(Rc::downgrade(self)));
            sweep::ensure();
        }
    }

    /// Bytes moved. Nobody asks when as long as it is not watched.
    pub(super) fn touch(&self) {
        if self.listed.get() {
            self.touched.set(Instant::now());
        }
    }

    /// Nothing can move before `waker` is told.
    pub(super) fn wait(self: &Rc<Self>, waker: &Waker) {
        self.watch();
        let mut held = self.waker.borrow_mut();
        match held.as_ref() {
            Some(same) if same.will_wake(waker) => {}
            _ => *held = Some(waker.clone()),
        }
    }

    /// Whether it stood still for too long.
    pub(super) fn has_expired(&self) -> bool {
        self.expired.get()
    }

    fn expire(&self) {
        self.expired.set(true);
        drop(self.incoming.borrow_mut().take());
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Cuts off what stood still for too long. Gives back how many bodies are still watched.
pub(super) fn sweep(now: Instant) -> usize {
    let mut late = Vec::new();
    let left = LISTED.with_borrow_mut(|listed| {
        listed.retain(|flow| match flow.upgrade() {
            Some(flow) if now.saturating_duration_since(flow.touched.get()) >= flow.limit => {
                late.push(flow);
                false
            }
            Some(_) => true,
            None => false,
        });
        listed.len()
    });
    for flow in late {
        flow.expire();
    }
    left
}

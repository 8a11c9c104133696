use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kernel_types::CallContext;
use tokio::sync::Semaphore;

use super::*;
use crate::Method;

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[error("no greeting for {0}")]
pub struct NoGreeting(String);

crate::contract! {
    /// A contract to test with.
    pub trait Greeter: "greeter", version 1, error NoGreeting {
        /// Greets by name.
        idempotent fn greet(String) -> String;
        /// Counts one more greeting.
        fn count(()) -> usize;
    }
}

struct Polite {
    name: &'static str,
    calls: AtomicUsize,
    /// A call takes a permit before it answers, so a test decides when calls end.
    gate: Semaphore,
}

impl Polite {
    fn new(name: &'static str, permits: usize) -> Arc<Self> {
        Arc::new(Self { name, calls: AtomicUsize::new(0), gate: Semaphore::new(permits) })
    }
}

#[crate::__private::async_trait]
impl Greeter for Polite {
    async fn greet(&self, _context: CallContext, name: String) -> Result<String, CallError<NoGreeting>> {
        self.gate.acquire().await.expect("never closed").forget();
        if name.is_empty() {
            return Err(NoGreeting(name).into());
        }
        Ok(format!("{}: hello {name}", self.name))
    }

    async fn count(&self, _context: CallContext, (): ()) -> Result<usize, CallError<NoGreeting>> {
        Ok(self.calls.fetch_add(1, Ordering::Relaxed))
    }
}

fn context() -> CallContext {
    CallContext::of_module("test", Duration::from_secs(5))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

#[test]
fn the_method_table_says_what_may_be_retried() {
    let expected = [
        Method { name: "greet", idempotent: true, request: "String", response: "String" },
        Method { name: "count", idempotent: false, request: "()", response: "usize" },
    ];
    assert_eq!(<dyn Greeter as Contract>::METHODS, expected);
}

#[tokio::test]
async fn a_vacant_handle_refuses_without_executing() {
    let handle: Handle<dyn Greeter> = Handle::vacant();
    let error = handle.enter().err().expect("vacant");
    assert_eq!(error, CallError::Unavailable { module: "greeter", executed: Executed::No });
}

#[tokio::test]
async fn the_contracts_own_error_comes_back_equal() {
    let handle: Handle<dyn Greeter> = Handle::to(Polite::new("a", 9));
    let error = handle.enter().unwrap().greet(context(), String::new()).await.unwrap_err();
    assert_eq!(error, CallError::Refused(NoGreeting(String::new())));
}

#[tokio::test]
async fn a_swap_leaves_running_calls_where_they_are_and_sends_new_ones_on() {
    let (old, new) = (Polite::new("old", 0), Polite::new("new", 9));
    let handle: Handle<dyn Greeter> = Handle::to(old.clone());
    let clone = handle.clone();
    let running = tokio::spawn(async move { clone.enter().unwrap().greet(context(), "ann".into()).await });
    // The call has entered once it waits at the gate; a current-thread runtime runs it at the first yield.
    tokio::task::yield_now().await;

    let retired = handle.place(new);
    assert_eq!(handle.enter().unwrap().greet(context(), "bob".into()).await.unwrap(), "new: hello bob");
    let mut drained = Box::pin(retired.drained(soon()));
    assert!(futures_poll_once(&mut drained).await.is_none(), "a call is still running in the old placement");

    old.gate.add_permits(1);
    assert!(drained.await);
    assert_eq!(running.await.unwrap().unwrap(), "old: hello ann");
}

#[tokio::test]
async fn draining_gives_up_at_the_deadline() {
    let handle: Handle<dyn Greeter> = Handle::to(Polite::new("a", 0));
    let entered = handle.enter().unwrap();
    assert!(!handle.vacate().drained(Instant::now()).await);
    drop(entered);
}

#[test]
fn no_call_is_lost_while_placements_are_swapped() {
    const CALLS: usize = 20_000;
    const SWAPS: usize = 2_000;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let targets = [Polite::new("a", 0), Polite::new("b", 0)];
    let handle: Handle<dyn Greeter> = Handle::to(targets[0].clone());
    runtime.block_on(async {
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let handle = handle.clone();
                tokio::spawn(async move {
                    for _ in 0..CALLS / 4 {
                        handle.enter().unwrap().count(context(), ()).await.unwrap();
                    }
                })
            })
            .collect();
        for swap in 0..SWAPS {
            let retired = handle.place(targets[swap % 2].clone());
            assert!(retired.drained(soon()).await);
        }
        for caller in callers {
            caller.await.unwrap();
        }
    });
    let counted: usize = targets.iter().map(|t| t.calls.load(Ordering::Relaxed)).sum();
    assert_eq!(counted, CALLS);
}

async fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

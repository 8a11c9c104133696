//! How customers talk to the shop, and what is counted of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use system_tests::client::{Client, Request, Response};
use system_tests::shop::fresh_key;
use tokio::time::MissedTickBehavior;

/// Longest that one request may take: the shop answers or gives up after 15 seconds.
const ANSWER: Duration = Duration::from_secs(20);
/// Longest that a patient customer asks for the same.
const PATIENCE: Duration = Duration::from_secs(90);
/// Least time before the same is asked for again.
const AGAIN: Duration = Duration::from_millis(50);
/// Failures that are told in full.
const TOLD: usize = 10;

/// What a customer does about a request that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Complains: it must not.
    Strict,
    /// Counts it and sends the same again: processes are being killed.
    Patient,
}

/// What all customers have seen together.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    requests: AtomicU64,
    repeated: AtomicU64,
    longest_ms: AtomicU64,
    complaints: AtomicU64,
    told: Mutex<Vec<String>>,
}

/// A visit came to nothing. What was wrong is in the tally.
#[derive(Debug)]
pub(crate) struct Failed;

/// One customer's way to the shop: as the router sees it, one client.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    client: Client,
    manner: Manner,
    tally: Arc<Tally>,
    /// What the router places clients by.
    cookie: String,
}

// === impl Tally ===

impl Tally {
    /// Requests sent.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Of them those that failed and were sent again.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeated.load(Ordering::Relaxed)
    }

    /// Milliseconds that the slowest request took.
    pub(crate) fn longest_ms(&self) -> u64 {
        self.longest_ms.load(Ordering::Relaxed)
    }

    /// How many complaints there were, and the first of them.
    pub(crate) fn complaints(&self) -> (u64, Vec<String>) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        (self.complaints.load(Ordering::Relaxed), told.clone())
    }

    /// Writes a complaint down.
    pub(crate) fn complain(&self, what: String) -> Failed {
        self.complaints.fetch_add(1, Ordering::Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD {
            told.push(what);
        }
        Failed
    }
}

// === impl Desk ===

impl Desk {
    pub(crate) fn new(client: Client, manner: Manner, tally: Arc<Tally>) -> Self {
        Self { client, manner, tally, cookie: String::new() }.anew()
    }

    /// The same customer with another browser, whom the router may place elsewhere.
    pub(crate) fn anew(&self) -> Self {
        Self { cookie: format!("banyan_split={}", fresh_key()), ..self.clone() }
    }

    pub(crate) fn manner(&self) -> Manner {
        self.manner
    }

    pub(crate) fn complain(&self, what: String) -> Failed {
        self.tally.complain(what)
    }

    /// Asks for what is answered with one of `wanted`. `repeated` are the answers that are also right once the same has been
    /// asked for before and nobody knows what came of it.
    pub(crate) async fn ask(
        &self,
        wanted: &[u16],
        repeated: &[u16],
        request: impl Fn(&Client) -> Request,
    ) -> Result<Response, Failed> {
        let deadline = Instant::now() + PATIENCE;
        let mut doubt = false;
        let mut again = tokio::time::interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            again.tick().await;
            let began = Instant::now();
            let answer = request(&self.client).header("cookie", &self.cookie).try_send().await;
            let took = began.elapsed();
            self.tally.requests.fetch_add(1, Ordering::Relaxed);
            let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            self.tally.longest_ms.fetch_max(milliseconds, Ordering::Relaxed);
            if took > ANSWER {
                return Err(self.complain(format!("not answered within {ANSWER:?}: {answer:?}")));
            }
            let why = match answer {
                Ok(answer) if wanted.contains(&answer.status) => return Ok(answer),
                Ok(answer) if doubt && repeated.contains(&answer.status) => return Ok(answer),
                Ok(answer) if answer.status >= 500 || is_in_progress(&answer) => answer.to_string(),
                // No process that dies is an excuse for a wrong answer.
                Ok(answer) => return Err(self.complain(format!("wanted {wanted:?}: {answer}"))),
                Err(error) => format!("wanted {wanted:?}: {error:?}"),
            };
            if self.manner == Manner::Strict || Instant::now() > deadline {
                return Err(self.complain(why));
            }
            self.tally.repeated.fetch_add(1, Ordering::Relaxed);
            doubt = true;
        }
    }
}

fn is_in_progress(answer: &Response) -> bool {
    answer.status == 409 && answer.error_code() == "IDEMPOTENCY_IN_PROGRESS"
}

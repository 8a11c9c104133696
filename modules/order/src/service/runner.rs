//! Runs sagas: takes the next step, notes what came of it, until nothing is left to do now.
//!
//! A step is taken outside of any transaction, and noted in one that reads the order anew: a cancellation or a webhook may have come
//! between. What is noted are facts (stock is held, the provider reports so much); what they mean for the order, the fold decides.
//! So it does no harm when a step is taken twice.

use std::sync::Arc;
use std::time::Duration;

use kernel::store::StoreError;
use kernel::{CallContext, CallError, Money, OrderId, Timestamp, faults, lease};
use product_contract::{ProductError, Reserve, ReserveLine};

use super::Service;
use super::payments::{CreatePayment, PaymentProvider, ProviderError};
use crate::domain::event::Event;
use crate::domain::order::{Order, Payment, Status};
use crate::domain::payment::Snapshot;
use crate::domain::saga::{Step, next_step};
use crate::error::Error;
use crate::store::sagas::{SagaRow, Schedule};
use crate::store::{events, inbox, sagas};

/// Sagas that one process runs at the same time.
pub(super) const AT_ONCE: u32 = 32;
/// Steps of one saga in one go; a bound, not a budget: the longest path has about ten.
const MOST_STEPS: usize = 50;
/// Longest that a step may take. Less than a lease.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// What can be asked of a payment once it is made.
enum Operation {
    Capture,
    Void,
    Refund,
}

/// What came of a step.
enum Outcome {
    /// Facts to note; the saga goes on.
    Facts(Vec<Event>),
    /// Nothing to do before then, or until something happens.
    Pause(Option<Timestamp>),
    /// It failed for the moment.
    Failed(String),
}

impl Service {
    async fn any_due(&self, now: Timestamp) -> Result<bool, StoreError> {
        let counts = lease::of_present(self.store());
        self.store().read(move |db| sagas::any_due(db, &counts, now)).await
    }

    /// Begins to run the sagas that are due and that nobody else runs, as many as there is room for. Gives how many those are.
    pub(crate) async fn run_due(&self) -> Result<usize, StoreError> {
        let now = Timestamp::now();
        let free = u32::try_from(self.inner.room.available_permits()).unwrap_or(0);
        // Looking costs nothing; claiming is a write.
        if free == 0 || !self.any_due(now).await? {
            return Ok(0);
        }
        // The places are taken before the leases: a leased saga never waits for one while its lease runs.
        let Ok(mut places) = Arc::clone(&self.inner.room).try_acquire_many_owned(free) else { return Ok(0) };
        // Each claim has an owner of its own, so that a run that outlived its lease cannot be taken for the next one.
        let owner = lease::holder(self.store(), &self.inner.runner, now);
        let until = now.plus(self.settings().lease());
        let claimed =
            self.store().write(move |tx| sagas::claim(tx, &owner, now, until, i64::from(free))).await?;
        let count = claimed.len();
        for saga in claimed {
            let (service, place) = (self.clone(), places.split(1));
            tokio::spawn(async move {
                // One that waits for its provider holds up nobody else.
                service.run_one(&saga).await;
                drop(place);
                service.due().notify_one();
            });
        }
        Ok(count)
    }

    /// Waits for the sagas that run here, at most as long as a step takes, and gives up the leases of this process.
    pub(crate) async fn release_leases(&self) -> Result<usize, StoreError> {
        let all = self.inner.room.acquire_many(AT_ONCE);
        if tokio::time::timeout(STEP_TIMEOUT, all).await.is_err() {
            log::warn!("a saga's step did not end in time; it will be taken again");
        }
        let owner = self.inner.runner.clone();
        self.store().write(move |tx| sagas::release_all(tx, &owner)).await
    }

    async fn run_one(&self, saga: &SagaRow) {
        let schedule = match self.advance(saga).await {
            Ok(schedule) => schedule,
            Err(error) => self.after_failure(saga, error.to_string()).await,
        };
        let (id, saga) = (saga.order_id, saga.clone());
        let settled = self.store().write(move |tx| sagas::settle(tx, &saga, &schedule)).await;
        if let Err(error) = settled {
            // The lease runs out by itself, and the saga is taken up again.
            log::error!("a saga's schedule could not be written: {error}");
        }
        self.tell(id);
    }

    /// Tells those who wait for an order that something happened to it.
    fn tell(&self, id: OrderId) {
        // Nobody may be waiting.
        drop(self.inner.steps.send(id));
    }

    /// Takes steps until there is none to take now.
    async fn advance(&self, saga: &SagaRow) -> Result<Schedule, Error> {
        let id = saga.order_id;
        let mut order = self.load(id).await?;
        if saga.ask {
            order = match self.ask_all(saga, order).await? {
                Ok(order) => order,
                Err(error) => return Ok(self.after_failure(saga, error.to_string()).await),
            };
        }
        for _ in 0..MOST_STEPS {
            let step = next_step(&order, Timestamp::now());
            let name = step.name();
            faults::point(&format!("order.saga.before.{name}")).await;
            let outcome = self.take(&step, id, &order).await;
            faults::point(&format!("order.saga.taken.{name}")).await;
            match outcome {
                Outcome::Facts(facts) => {
                    order = self.note(id, facts).await?;
                    metrics::counter!("banyan_saga_steps_total", "step" => name).increment(1);
                    faults::point(&format!("order.saga.after.{name}")).await;
                    self.tell(id);
                }
                Outcome::Pause(next_run_at) => {
                    if order.attention.is_some() {
                        self.note(id, vec![Event::AttentionCleared]).await?;
                    }
                    return Ok(Schedule { next_run_at, attempts: 0, last_error: None });
                }
                Outcome::Failed(error) => return Ok(self.after_failure(saga, error).await),
            }
        }
        Ok(self.after_failure(saga, "the saga goes in circles".to_owned()).await)
    }

    async fn take(&self, step: &Step, id: OrderId, order: &Order) -> Outcome {
        match step {
            Step::ReserveStock => self.reserve(order).await,
            Step::CreatePayment(payment) => self.create(id, order, payment).await,
            Step::AskPayment(payment) => self.ask(id, order, payment).await,
            Step::CommitStock => self.commit(order).await,
            Step::CapturePayment(payment) => self.operate(Operation::Capture, id, payment).await,
            Step::VoidPayment(payment) => self.operate(Operation::Void, id, payment).await,
            Step::RefundPayment(payment) => self.operate(Operation::Refund, id, payment).await,
            Step::ReleaseStock => self.release(order).await,
            Step::Confirm => Outcome::Facts(vec![Event::Confirmed]),
            Step::GiveUp(reason) => {
                Outcome::Facts(vec![Event::CancelRequested { reason: (*reason).to_owned(), by: None }])
            }
            Step::BeginExpiry => Outcome::Facts(vec![Event::ExpiryBegan]),
            Step::FinishUndoing if order.status == Status::Expiring => Outcome::Facts(vec![Event::Expired]),
            Step::FinishUndoing => Outcome::Facts(vec![Event::Cancelled]),
            Step::WaitUntil(time) => Outcome::Pause(Some(*time)),
            Step::Rest => Outcome::Pause(None),
        }
    }

    async fn reserve(&self, order: &Order) -> Outcome {
        let lines = order.placed.lines.iter();
        let request = Reserve {
            reservation_id: order.placed.reservation_id,
            lines: lines
                .map(|line| ReserveLine { variant_id: line.variant_id, quantity: line.quantity })
                .collect(),
            expires_at: order.placed_at.plus(self.settings().hold()),
        };
        let reserved = match self.inner.products.enter() {
            Ok(products) => products.reserve(context(), request).await,
            Err(vacant) => Err(vacant),
        };
        match reserved {
            Ok(()) => Outcome::Facts(vec![Event::StockReserved]),
            Err(CallError::Refused(error)) => {
                Outcome::Facts(vec![Event::StockRefused { reason: refusal(&error) }])
            }
            // Reserving is idempotent: an unknown outcome is found out by asking for the same again.
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    async fn commit(&self, order: &Order) -> Outcome {
        let committed = match self.inner.products.enter() {
            Ok(products) => products.commit_reservation(context(), order.placed.reservation_id).await,
            Err(vacant) => Err(vacant),
        };
        match committed {
            Ok(()) => Outcome::Facts(vec![Event::StockCommitted]),
            Err(CallError::Refused(error)) => {
                let reason = refusal(&error);
                Outcome::Facts(vec![Event::CancelRequested { reason, by: None }])
            }
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    async fn release(&self, order: &Order) -> Outcome {
        let released = match self.inner.products.enter() {
            Ok(products) => products.release_reservation(context(), order.placed.reservation_id).await,
            Err(vacant) => Err(vacant),
        };
        match released {
            Ok(()) => Outcome::Facts(vec![Event::StockReleased]),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    async fn create(&self, id: OrderId, order: &Order, payment: &Payment) -> Outcome {
        let Some(provider) = self.provider(&payment.provider) else { return no_provider(payment) };
        let request = CreatePayment {
            key: payment_key(id, payment),
            token: payment.token.clone(),
            amount: Money::new(order.placed.total, order.placed.currency),
        };
        let attempt = payment.attempt;
        match tokio::time::timeout(STEP_TIMEOUT, provider.create(request)).await {
            Ok(Ok(snapshot)) => seen(attempt, snapshot),
            Err(_) | Ok(Err(ProviderError::Unknown)) => {
                Outcome::Facts(vec![Event::PaymentUnknown { attempt }])
            }
            Ok(Err(ProviderError::Refused(reason))) => {
                let declined = Snapshot {
                    state: crate::domain::payment::PaymentState::Declined,
                    decline_code: Some(reason),
                    ..Snapshot::void("")
                };
                seen(attempt, declined)
            }
            Ok(Err(error @ ProviderError::Unavailable(_))) => Outcome::Failed(error.to_string()),
        }
    }

    /// Asks what has become of a payment. If that is no news, there is time until it is asked again.
    async fn ask(&self, id: OrderId, order: &Order, payment: &Payment) -> Outcome {
        let Some(provider) = self.provider(&payment.provider) else { return no_provider(payment) };
        let attempt = payment.attempt;
        match found(&*provider, &payment_key(id, payment)).await {
            Ok(Some(snapshot)) if is_known(payment, &snapshot) => {
                let (now, deadline) = (Timestamp::now(), order.placed.pay_until);
                let again = now.plus(self.settings().poll());
                Outcome::Pause(Some(if now < deadline { again.min(deadline) } else { again }))
            }
            Ok(Some(snapshot)) => seen(attempt, snapshot),
            Ok(None) => Outcome::Facts(vec![Event::PaymentNotFound { attempt }]),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    /// Asks about every payment of an order, whatever its state, because somebody said that there is news.
    /// Until every provider has answered, it stays to be done.
    async fn ask_all(&self, saga: &SagaRow, order: Order) -> Result<Result<Order, ProviderError>, Error> {
        let id = saga.order_id;
        let (mut news, mut unanswered) = (Vec::new(), None);
        for payment in &order.payments {
            let Some(provider) = self.provider(&payment.provider) else { continue };
            match found(&*provider, &payment_key(id, payment)).await {
                Ok(Some(snapshot)) => news.push(Event::PaymentSeen { attempt: payment.attempt, snapshot }),
                Ok(None) => {}
                Err(error) => unanswered = Some(error),
            }
        }
        let order = self.note(id, news).await?;
        if let Some(error) = unanswered {
            return Ok(Err(error));
        }
        let claimed = saga.clone();
        self.store().write(move |tx| sagas::asked(tx, &claimed)).await?;
        Ok(Ok(order))
    }

    /// An operation on a payment that exists, or shall not: its key makes it safe to repeat.
    async fn operate(&self, operation: Operation, id: OrderId, payment: &Payment) -> Outcome {
        let Some(provider) = self.provider(&payment.provider) else { return no_provider(payment) };
        let key = payment_key(id, payment);
        let report = match operation {
            Operation::Capture => provider.capture(&key),
            Operation::Void => provider.void(&key),
            Operation::Refund => provider.refund(&key),
        };
        match tokio::time::timeout(STEP_TIMEOUT, report).await {
            Ok(Ok(snapshot)) => seen(payment.attempt, snapshot),
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
            Err(_too_slow) => Outcome::Failed(ProviderError::Unknown.to_string()),
        }
    }

    async fn load(&self, id: OrderId) -> Result<Order, Error> {
        self.store().read(move |db| events::load(db, id)?.ok_or(Error::OrderNotFound)).await
    }

    /// Notes facts about an order as it is now. Facts that are known already are not noted again.
    async fn note(&self, id: OrderId, facts: Vec<Event>) -> Result<Order, Error> {
        let noted = self
            .store()
            .write(move |tx| {
                let order = events::load(tx, id)?.ok_or(Error::OrderNotFound)?;
                let news: Vec<Event> =
                    facts.iter().filter(|fact| order.would_change(fact)).cloned().collect();
                for (provider, reference) in news.iter().filter_map(|fact| reference_in(&order, fact)) {
                    inbox::remember(tx, &provider, &reference, id)?;
                }
                let before = order.status;
                Ok::<_, Error>((events::append(tx, id, order, news, Timestamp::now())?, before))
            })
            .await;
        let (order, before) = noted?;
        if order.status != before {
            // Others may be told of it.
            self.told().notify_one();
        }
        Ok(order)
    }

    /// The schedule after a failure; flags the order when there have been many in a row.
    async fn after_failure(&self, saga: &SagaRow, error: String) -> Schedule {
        let attempts = saga.attempts.saturating_add(1);
        let count = u32::try_from(attempts).unwrap_or(u32::MAX);
        log::warn!("the saga of {} failed, {count} in a row: {error}", saga.order_id);
        metrics::counter!("banyan_saga_failures_total").increment(1);
        if count == self.settings().attention_after {
            let needed = Event::AttentionNeeded { reason: error.clone() };
            if let Err(error) = self.note(saga.order_id, vec![needed]).await {
                log::error!("an order could not be flagged: {error}");
            }
        }
        let next_run_at = Some(Timestamp::now().plus(self.settings().backoff(count)));
        Schedule { next_run_at, attempts, last_error: Some(error) }
    }
}

fn context() -> CallContext {
    CallContext::of_module("order", STEP_TIMEOUT)
}

/// Names a payment at its provider, for good.
fn payment_key(id: OrderId, payment: &Payment) -> String {
    format!("{id}:{}", payment.attempt)
}

async fn found(provider: &dyn PaymentProvider, key: &str) -> Result<Option<Snapshot>, ProviderError> {
    tokio::time::timeout(STEP_TIMEOUT, provider.find(key)).await.unwrap_or(Err(ProviderError::Unknown))
}

/// Whether a report is no news.
fn is_known(payment: &Payment, snapshot: &Snapshot) -> bool {
    !payment.unknown && payment.seen.as_ref().is_some_and(|known| known.join(snapshot) == *known)
}

fn seen(attempt: u32, snapshot: Snapshot) -> Outcome {
    Outcome::Facts(vec![Event::PaymentSeen { attempt, snapshot }])
}

fn no_provider(payment: &Payment) -> Outcome {
    Outcome::Failed(format!("the payment provider {} is not configured", payment.provider))
}

fn reference_in(order: &Order, fact: &Event) -> Option<(String, String)> {
    let Event::PaymentSeen { attempt, snapshot } = fact else { return None };
    let payment = order.payments.iter().find(|payment| payment.attempt == *attempt)?;
    Some((payment.provider.clone(), snapshot.reference.clone()))
}

/// A refusal in short, for the order's reason.
fn refusal(error: &ProductError) -> String {
    match error {
        ProductError::InsufficientStock { shortages } => {
            let variants: Vec<&str> = shortages.iter().map(|short| short.variant_id.as_str()).collect();
            format!("insufficient_stock: {}", variants.join(", "))
        }
        ProductError::NotForSale { variant_id } => format!("not_for_sale: {variant_id}"),
        ProductError::NotFound => "not_found".to_owned(),
        ProductError::ReservationGone => "reservation_gone".to_owned(),
        ProductError::Invalid { reason } => format!("invalid: {reason}"),
    }
}

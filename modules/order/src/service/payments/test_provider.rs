//! The built-in payment provider for trying things out, with outcomes chosen by the token:
//!
//! | token | outcome |
//! |---|---|
//! | `ok` | authorised at once |
//! | `decline` | declined |
//! | `requires_action` | waits for the buyer, who decides on a page that the provider serves; then a signed webhook |
//! | `timeout` | authorised, but the answer is lost |
//! | `capture_fails_once` | authorised; the first capture fails for the moment |
//! | `capture_refused` | authorised; the capture is refused for good |
//! | `refund_fails_twice` | authorised; the first two refunds fail for the moment |
//!
//! It keeps books of its own and works on them in transactions of its own: for a saga it is another company.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use kernel::store::{Store, StoreError};
use kernel::{Currency, Id, IdKind, Timestamp};
use serde::{Deserialize, Serialize};

use super::signature;
use super::{CreatePayment, PaymentProvider, ProviderError, WebhookEvent};
use crate::domain::payment::{NextAction, PaymentState, Snapshot};
use crate::store::test_payments::{self, TestPayment};

const SIGNATURE: &str = "test-signature";

/// The test provider.
pub(crate) struct TestProvider {
    store: Store,
    /// Where this process answers, known once it listens.
    base_url: Arc<OnceLock<String>>,
    http: reqwest::Client,
}

/// What the buyer decides on the provider's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decision {
    /// Pay.
    Approve,
    /// Do not.
    Decline,
}

#[derive(Debug, Serialize, Deserialize)]
struct Message {
    id: String,
    reference: String,
}

/// What the provider's references name.
enum TestPaymentKind {}
impl IdKind for TestPaymentKind {
    const PREFIX: &'static str = "tpy";
}

fn reference() -> String {
    Id::<TestPaymentKind>::new().to_string()
}

// === impl TestProvider ===

impl TestProvider {
    pub(crate) fn new(store: Store, base_url: Arc<OnceLock<String>>) -> Self {
        // It speaks to this very process: by no proxy, and to nowhere else.
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        Self { store, base_url, http: http.unwrap_or_default() }
    }

    /// The buyer's decision about a payment that waits for it. `None` if there is no such payment.
    pub(crate) async fn decide(
        &self,
        reference: &str,
        decision: Decision,
    ) -> Result<Option<Snapshot>, StoreError> {
        let wanted = reference.to_owned();
        let decided = self
            .store
            .write(move |tx| {
                let Some(mut payment) = test_payments::by_reference(tx, &wanted)? else { return Ok(None) };
                if payment.state == name(PaymentState::RequiresAction) {
                    let state = match decision {
                        Decision::Approve => PaymentState::Authorized,
                        Decision::Decline => PaymentState::Declined,
                    };
                    payment.state = name(state).to_owned();
                    test_payments::update(tx, &payment)?;
                }
                Ok::<_, StoreError>(Some(payment))
            })
            .await?;
        let Some(payment) = decided else { return Ok(None) };
        self.notify(&payment.reference).await;
        Ok(Some(self.snapshot(&payment)))
    }

    /// A payment's report, for the provider's page.
    pub(crate) async fn look_up(
        &self,
        reference: &str,
    ) -> Result<Option<(Snapshot, i64, Currency)>, StoreError> {
        let wanted = reference.to_owned();
        let payment = self.store.read(move |db| test_payments::by_reference(db, &wanted)).await?;
        Ok(payment.map(|payment| (self.snapshot(&payment), payment.amount, payment.currency)))
    }

    /// Sends the webhook. If it does not arrive, the saga asks by itself some time later.
    async fn notify(&self, reference: &str) {
        let Some(base_url) = self.base_url.get() else { return };
        let message = Message { id: reference_of_event(), reference: reference.to_owned() };
        let Ok(body) = serde_json::to_vec(&message) else { return };
        let signature = signature::sign(&self.store.secret(), &body, Timestamp::now());
        let sent = self
            .http
            .post(format!("{base_url}/api/v1/webhooks/payments/test"))
            .header("content-type", "application/json")
            .header(SIGNATURE, signature)
            .timeout(Duration::from_secs(5))
            .body(body)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        if let Err(error) = sent {
            log::warn!("a webhook of the test provider did not arrive: {error}");
        }
    }

    /// Changes one payment in a transaction of the provider's own.
    async fn change(
        &self,
        key: &str,
        change: impl Fn(&mut TestPayment) -> Result<(), ProviderError> + Send + 'static,
    ) -> Result<Option<Snapshot>, ProviderError> {
        let key = key.to_owned();
        let changed = self
            .store
            .write(move |tx| {
                let Some(mut payment) = test_payments::by_key(tx, &key)? else { return Ok(None) };
                let outcome = change(&mut payment);
                test_payments::update(tx, &payment)?;
                Ok::<_, StoreError>(Some(outcome.map(|()| payment)))
            })
            .await
            .map_err(unavailable)?;
        changed.transpose().map(|payment| payment.map(|payment| self.snapshot(&payment)))
    }

    fn snapshot(&self, payment: &TestPayment) -> Snapshot {
        let state = state(&payment.state);
        let set_aside = matches!(state, PaymentState::Authorized | PaymentState::Captured);
        let page = || {
            let base_url = self.base_url.get().map_or("", String::as_str);
            NextAction { redirect_url: format!("{base_url}/test-payments/{}", payment.reference) }
        };
        Snapshot {
            reference: payment.reference.clone(),
            state,
            authorized: if set_aside { payment.amount } else { 0 },
            captured: payment.captured,
            refunded: payment.refunded,
            next_action: (state == PaymentState::RequiresAction).then(page),
            decline_code: (state == PaymentState::Declined).then(|| "card_declined".to_owned()),
        }
    }
}

#[async_trait::async_trait]
impl PaymentProvider for TestProvider {
    fn name(&self) -> &'static str {
        "test"
    }

    async fn create(&self, request: CreatePayment) -> Result<Snapshot, ProviderError> {
        let (state, failures) = match request.token.as_str() {
            "ok" | "timeout" => (PaymentState::Authorized, 0),
            "capture_fails_once" => (PaymentState::Authorized, 1),
            "refund_fails_twice" => (PaymentState::Authorized, 2),
            "capture_refused" => (PaymentState::Authorized, 0),
            "requires_action" => (PaymentState::RequiresAction, 0),
            _ => (PaymentState::Declined, 0),
        };
        let fresh = TestPayment {
            reference: reference(),
            idempotency_key: request.key,
            token: request.token,
            state: name(state).to_owned(),
            currency: request.amount.currency,
            amount: request.amount.amount,
            captured: 0,
            refunded: 0,
            failures,
            created_at: Timestamp::now(),
        };
        let booked = self
            .store
            .write(move |tx| test_payments::insert_or_find(tx, &fresh))
            .await
            .map_err(unavailable)?;
        if booked.token == "timeout" {
            return Err(ProviderError::Unknown);
        }
        Ok(self.snapshot(&booked))
    }

    async fn find(&self, key: &str) -> Result<Option<Snapshot>, ProviderError> {
        let key = key.to_owned();
        let booked = self.store.read(move |db| test_payments::by_key(db, &key)).await.map_err(unavailable)?;
        Ok(booked.map(|payment| self.snapshot(&payment)))
    }

    async fn capture(&self, key: &str) -> Result<Snapshot, ProviderError> {
        let captured = self.change(key, |payment| {
            if payment.token == "capture_refused" && payment.captured == 0 {
                payment.state = name(PaymentState::Declined).to_owned();
                return Ok(());
            }
            if payment.token == "capture_fails_once" {
                fail(payment)?;
            }
            if state(&payment.state) == PaymentState::Authorized {
                payment.state = name(PaymentState::Captured).to_owned();
                payment.captured = payment.amount;
            }
            Ok(())
        });
        captured.await?.ok_or_else(|| ProviderError::Refused("no such payment".to_owned()))
    }

    async fn void(&self, key: &str) -> Result<Snapshot, ProviderError> {
        // A payment that was never made is booked as void, so that a request that comes late cannot make it.
        let tombstone = TestPayment {
            reference: reference(),
            idempotency_key: key.to_owned(),
            token: "void".to_owned(),
            state: name(PaymentState::Voided).to_owned(),
            currency: Currency::EUR,
            amount: 0,
            captured: 0,
            refunded: 0,
            failures: 0,
            created_at: Timestamp::now(),
        };
        self.store
            .write(move |tx| test_payments::insert_or_find(tx, &tombstone))
            .await
            .map_err(unavailable)?;
        let voided = self.change(key, |payment| {
            if !matches!(state(&payment.state), PaymentState::Captured | PaymentState::Declined) {
                payment.state = name(PaymentState::Voided).to_owned();
            }
            Ok(())
        });
        voided.await?.ok_or_else(|| ProviderError::Refused("no such payment".to_owned()))
    }

    async fn refund(&self, key: &str) -> Result<Snapshot, ProviderError> {
        let refunded = self.change(key, |payment| {
            if payment.token == "refund_fails_twice" {
                fail(payment)?;
            }
            payment.refunded = payment.captured;
            Ok(())
        });
        refunded.await?.ok_or_else(|| ProviderError::Refused("no such payment".to_owned()))
    }

    fn read_webhook(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Option<WebhookEvent> {
        let header = headers.get(SIGNATURE)?.to_str().ok()?;
        if !signature::verify(&self.store.secret(), header, body, now) {
            return None;
        }
        let message: Message = serde_json::from_slice(body).ok()?;
        Some(WebhookEvent { event_id: message.id, reference: message.reference })
    }
}

/// Fails as often as the token asks for.
fn fail(payment: &mut TestPayment) -> Result<(), ProviderError> {
    if payment.failures > 0 {
        payment.failures -= 1;
        return Err(ProviderError::Unavailable("the test token asks for it".to_owned()));
    }
    Ok(())
}

fn unavailable(error: StoreError) -> ProviderError {
    match error {
        StoreError::Unknown(_) => ProviderError::Unknown,
        other => ProviderError::Unavailable(other.to_string()),
    }
}

fn reference_of_event() -> String {
    format!("evt_{}", reference())
}

fn name(state: PaymentState) -> &'static str {
    match state {
        PaymentState::Processing => "processing",
        PaymentState::RequiresAction => "requires_action",
        PaymentState::Authorized => "authorized",
        PaymentState::Declined => "declined",
        PaymentState::Voided => "voided",
        PaymentState::Captured => "captured",
    }
}

fn state(text: &str) -> PaymentState {
    match text {
        "requires_action" => PaymentState::RequiresAction,
        "authorized" => PaymentState::Authorized,
        "declined" => PaymentState::Declined,
        "voided" => PaymentState::Voided,
        "captured" => PaymentState::Captured,
        _ => PaymentState::Processing,
    }
}

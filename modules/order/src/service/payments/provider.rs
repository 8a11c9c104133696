//! What the order module needs of a payment provider.

use actix_web::http::header::HeaderMap;
use kernel::{Money, Timestamp};

use crate::domain::payment::Snapshot;

/// Asks for a payment.
#[derive(Debug, Clone)]
pub(crate) struct CreatePayment {
    /// Names the payment for good: asking twice with one key makes one payment.
    pub(crate) key: String,
    /// Token for the buyer's means of payment.
    pub(crate) token: String,
    /// The exact sum.
    pub(crate) amount: Money,
}

/// A provider's message that something happened to a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebhookEvent {
    /// The same for every delivery of the message.
    pub(crate) event_id: String,
    /// The provider's name for the payment.
    pub(crate) reference: String,
}

/// A request that gave no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProviderError {
    /// The answer was lost: it may have been executed.
    #[error("the provider's answer was lost")]
    Unknown,
    /// It was not executed; try again later.
    #[error("the provider is unavailable: {0}")]
    Unavailable(String),
    /// It was not executed, and never will be.
    #[error("the provider refuses: {0}")]
    Refused(String),
}

/// A payment provider. Every operation is idempotent by the payment's key, and answers with absolute totals.
#[async_trait::async_trait]
pub(crate) trait PaymentProvider: Send + Sync + 'static {
    /// Its name in the API and in events.
    fn name(&self) -> &'static str;
    /// Makes the payment.
    async fn create(&self, request: CreatePayment) -> Result<Snapshot, ProviderError>;
    /// What has become of it; `None` if the provider never heard of it.
    async fn find(&self, key: &str) -> Result<Option<Snapshot>, ProviderError>;
    /// Takes the money that is set aside.
    async fn capture(&self, key: &str) -> Result<Snapshot, ProviderError>;
    /// Gives it up if no money was taken, or makes sure that it is never made.
    async fn void(&self, key: &str) -> Result<Snapshot, ProviderError>;
    /// Gives back all that was taken.
    async fn refund(&self, key: &str) -> Result<Snapshot, ProviderError>;
    /// Reads a message, or nothing if the provider did not sign it lately.
    fn read_webhook(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Option<WebhookEvent>;
}

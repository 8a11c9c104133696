//! Payment providers.

mod provider;
mod signature;
mod test_provider;

pub(crate) use provider::{CreatePayment, PaymentProvider, ProviderError, WebhookEvent};
pub(crate) use test_provider::{Decision, TestProvider};

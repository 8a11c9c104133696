//! The wire without a network: every call is encoded, checked, decoded, executed, encoded and decoded in one process.

use std::borrow::Cow;
use std::collections::HashMap;

use kernel_types::Caller;

use crate::wire::{ClaimedCaller, Metadata, metadata};
use crate::{Endpoint, Reply, Request, Transport, TransportError};

/// A transport to an endpoint of the same process, through the same bytes and headers that HTTP carries.
///
/// Only the user's token is taken at its word: nobody came between.
pub struct Loopback(Endpoint);

// === impl Loopback ===

impl Loopback {
    /// Leads to `endpoint`.
    pub fn to(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }

    async fn answer(&self, request: Request) -> Reply {
        let mut headers: HashMap<&'static str, String> = HashMap::new();
        metadata::write(&request, |name, value| drop(headers.insert(name, value.to_owned())));
        let metadata = match Metadata::read(|name| headers.get(name).map(String::as_str)) {
            Ok(metadata) => metadata,
            Err(reason) => return Reply::Malformed { reason },
        };
        if let Err(turned_away) = self.0.admit(&metadata) {
            return turned_away;
        }
        let caller = match (&metadata.caller, request.context.caller) {
            (ClaimedCaller::User(token), Caller::User { principal, .. }) => {
                Caller::User { principal, token: token.clone() }
            }
            (ClaimedCaller::Module(name), _) => Caller::Module(Cow::Owned(name.clone())),
            (ClaimedCaller::Anonymous | ClaimedCaller::User(_), _) => Caller::Anonymous,
        };
        self.0.execute(request.method, metadata.context(caller), &request.body).await
    }
}

#[async_trait::async_trait]
impl Transport for Loopback {
    async fn send(&self, request: Request) -> Result<Reply, TransportError> {
        let (status, body) = self.answer(request).await.into_wire();
        Ok(Reply::from_wire(status, body))
    }
}

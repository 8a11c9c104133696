//! A contract's remote half on the caller's side.
//!
//! A stub encodes the request, hands it to its transport, and decodes the reply; everything else it does keeps the
//! answer honest:
//!
//! - The deadline is the caller's. A call whose deadline has passed does not leave; one that is under way is given up
//!   at the deadline, however the transport behaves.
//! - An error says `executed: No` only if no try can have been executed. A try that may have been is never forgotten:
//!   when a first try is lost and a second cannot connect, the call *may* have been executed.
//! - A call that the receiver turned away with 421 executed nothing. If the stub has learned of another epoch
//!   meanwhile, it sends the call once more, with that; else the caller is told.
//! - Whether anything else is tried again is up to the [`RetryPolicy`]; by default nothing is.
//! - A reply that cannot be understood is not an answer: an undecodable response message may have been executed, an
//!   undecodable refusal was not, because a refusal has no effect whatever its reason.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use kernel_types::{CallContext, CallError, Executed};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::retry::Try;
use crate::wire::{MOST_BYTES, Refusal};
use crate::{Contract, Epoch, Reply, Request, RetryPolicy, Transport, TransportError};

/// A module that runs elsewhere: implements the contract `C` by sending its calls over a transport.
pub struct Stub<C: ?Sized> {
    remote: Remote,
    contract: PhantomData<fn() -> Box<C>>,
}

/// A stub without its contract. Its futures do not name the contract's trait object: the compiler could not show them to
/// be `Send` if they did (rust-lang/rust#102211).
#[doc(hidden)]
pub struct Remote {
    module: &'static str,
    version: u32,
    transport: Arc<dyn Transport>,
    epoch: Epoch,
    retry: RetryPolicy,
}

/// A call on its way, without the types of its messages.
struct Call {
    method: &'static str,
    idempotent: bool,
    context: CallContext,
    body: Bytes,
}

type Outcome = Result<Reply, TransportError>;

// === impl Stub ===

impl<C: ?Sized + Contract> Stub<C> {
    /// A stub that sends over `transport`, with what `epoch` is at the time, and tries nothing twice.
    pub fn new(transport: Arc<dyn Transport>, epoch: Epoch) -> Self {
        let (module, version) = (C::MODULE, C::VERSION);
        let remote = Remote { module, version, transport, epoch, retry: RetryPolicy::none() };
        Self { remote, contract: PhantomData }
    }

    /// The same stub with another retry policy.
    pub fn retrying(self, retry: RetryPolicy) -> Self {
        Self { remote: Remote { retry, ..self.remote }, ..self }
    }

    #[doc(hidden)]
    pub fn remote(&self) -> &Remote {
        &self.remote
    }
}

// === impl Remote ===

impl Remote {
    /// Calls `method`. What [`contract!`](crate::contract!) makes of each of the contract's methods is this.
    ///
    /// # Errors
    /// The contract's own error, or why there is no answer.
    pub async fn call<Q: Serialize, T: DeserializeOwned, E: DeserializeOwned>(
        &self,
        method: &'static str,
        idempotent: bool,
        context: CallContext,
        request: Q,
    ) -> Result<T, CallError<E>> {
        let body = match serde_json::to_vec(&request) {
            Ok(body) if body.len() <= MOST_BYTES => Bytes::from(body),
            Ok(body) => {
                log::error!("a request of {} bytes for {}.{method} is too long", body.len(), self.module);
                return Err(self.unavailable(Executed::No));
            }
            Err(error) => {
                log::error!("a request for {}.{method} cannot be encoded: {error}", self.module);
                return Err(self.unavailable(Executed::No));
            }
        };
        drop(request);
        let (outcome, earlier) = self.exchange(Call { method, idempotent, context, body }).await;
        self.decode(method, outcome, earlier)
    }

    /// Tries until the policy says that it was enough. Also gives whether a try before the last may have been executed.
    async fn exchange(&self, call: Call) -> (Outcome, Executed) {
        self.retry.called();
        let (mut number, mut earlier, mut moved) = (0_u32, Executed::No, false);
        loop {
            let epoch = self.epoch.get();
            let outcome = self.attempt(&call, epoch).await;
            if matches!(outcome, Ok(Reply::Misdirected { .. })) && !moved && self.epoch.get() != epoch {
                moved = true;
                continue;
            }
            let this = Try { outcome: &outcome, idempotent: call.idempotent, number };
            let Some(pause) = self.retry.after(&this, call.context.remaining()) else {
                return (outcome, earlier);
            };
            log::debug!("{}.{} is tried again: {outcome:?}", self.module, call.method);
            if executed(&outcome) == Executed::Maybe {
                earlier = Executed::Maybe;
            }
            number = number.saturating_add(1);
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(&self, call: &Call, epoch: u64) -> Outcome {
        let context = CallContext { trace: call.context.trace.child(), ..call.context.clone() };
        if context.remaining().is_zero() {
            return Err(TransportError::TimedOut { executed: Executed::No });
        }
        let deadline = context.deadline;
        let request = Request {
            module: self.module,
            version: self.version,
            method: call.method,
            epoch,
            context,
            body: call.body.clone(),
        };
        match tokio::time::timeout_at(deadline.into(), self.transport.send(request)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(TransportError::TimedOut { executed: Executed::Maybe }),
        }
    }

    fn decode<T: DeserializeOwned, E: DeserializeOwned>(
        &self,
        method: &'static str,
        outcome: Outcome,
        earlier: Executed,
    ) -> Result<T, CallError<E>> {
        // What is known of the last try, unless an earlier one is still open.
        let either = |executed| if earlier == Executed::Maybe { Executed::Maybe } else { executed };
        let reply = match outcome {
            Ok(reply) => reply,
            Err(TransportError::TimedOut { executed }) => {
                return Err(CallError::TimedOut { module: self.module, executed: either(executed) });
            }
            Err(error) => {
                log::warn!("{}.{method}: {error}", self.module);
                return Err(self.unavailable(either(error.executed())));
            }
        };
        let executed = either(reply.executed());
        match reply {
            Reply::Done(body) => serde_json::from_slice(&body).map_err(|error| {
                log::error!("the response of {}.{method} cannot be read: {error}", self.module);
                self.unavailable(Executed::Maybe)
            }),
            Reply::Refused(body) => Err(match serde_json::from_slice::<Refusal<E>>(&body) {
                Ok(Refusal { refused }) => CallError::Refused(refused),
                Err(error) => {
                    log::error!("the refusal of {}.{method} cannot be read: {error}", self.module);
                    self.unavailable(executed)
                }
            }),
            Reply::Misdirected { owner_epoch } if executed == Executed::No => {
                Err(CallError::Misdirected { module: self.module, owner_epoch })
            }
            Reply::TimedOut { .. } => Err(CallError::TimedOut { module: self.module, executed }),
            Reply::Unavailable { .. } | Reply::Misdirected { .. } => Err(self.unavailable(executed)),
            Reply::Incompatible { version } => {
                log::error!(
                    "the {} module's contract has version {} here and {version} there",
                    self.module,
                    self.version
                );
                Err(self.unavailable(executed))
            }
            Reply::Malformed { .. } | Reply::NotAdmitted | Reply::Foreign { .. } => {
                log::error!("{}.{method} was turned away: {reply:?}", self.module);
                Err(self.unavailable(executed))
            }
        }
    }

    fn unavailable<E>(&self, executed: Executed) -> CallError<E> {
        CallError::Unavailable { module: self.module, executed }
    }
}

fn executed(outcome: &Outcome) -> Executed {
    match outcome {
        Ok(reply) => reply.executed(),
        Err(error) => error.executed(),
    }
}

#[cfg(test)]
mod tests;

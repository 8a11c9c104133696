//! The headers of a call: the call context and what the receiver checks before it looks at the body.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel_types::{CallContext, Caller, TraceContext};

use crate::Request;

const VERSION: &str = "x-banyan-contract-version";
const EPOCH: &str = "x-module-epoch";
const DEADLINE: &str = "x-banyan-deadline-ms";
const TRACE: &str = "traceparent";
const CALLER: &str = "x-banyan-caller";
const USER_TOKEN: &str = "x-banyan-user-token";
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The kinds of callers. A user is a kind, not the module that keeps accounts: this crate names no module.
const ANONYMOUS: &str = "anonymous";
const USER: &str = stringify!(user);
const MODULE: &str = "module=";

/// Longest time that a caller can ask for; also keeps the arithmetic of instants in range.
const MOST_TIME: Duration = Duration::from_secs(3600);

/// The headers of a call, read by its receiver.
#[derive(Debug, Clone)]
pub struct Metadata {
    /// The contract version that the caller was built with.
    pub version: u32,
    /// The epoch that the caller knows.
    pub epoch: u64,
    /// When the caller stops waiting, by the receiver's clock.
    pub deadline: Instant,
    /// The caller's span.
    pub trace: TraceContext,
    /// On whose behalf, as the caller says.
    pub caller: ClaimedCaller,
    /// The public request's key.
    pub idempotency_key: Option<Arc<str>>,
}

/// Who a call says it is for. A user's token is not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimedCaller {
    /// A public client that did not log in.
    Anonymous,
    /// A user, by the access token.
    User(Arc<str>),
    /// A module acting on its own.
    Module(String),
}

// === impl Metadata ===

impl Metadata {
    /// Reads the headers that `get` finds by name. The deadline begins to run now.
    ///
    /// # Errors
    /// Which header is missing or cannot be read.
    pub fn read<'a>(get: impl Fn(&'static str) -> Option<&'a str>) -> Result<Self, String> {
        let remaining = Duration::from_millis(number(DEADLINE, get(DEADLINE))?).min(MOST_TIME);
        let caller = match get(CALLER) {
            Some(ANONYMOUS) => ClaimedCaller::Anonymous,
            Some(USER) => {
                ClaimedCaller::User(get(USER_TOKEN).ok_or_else(|| format!("{USER_TOKEN} is missing"))?.into())
            }
            Some(other) => match other.strip_prefix(MODULE) {
                Some(name) if !name.is_empty() => ClaimedCaller::Module(name.to_owned()),
                _ => return Err(format!("{CALLER} must be anonymous, user or module=NAME")),
            },
            None => return Err(format!("{CALLER} is missing")),
        };
        Ok(Self {
            version: number(VERSION, get(VERSION))?,
            epoch: number(EPOCH, get(EPOCH))?,
            deadline: Instant::now() + remaining,
            // The standard says to start a new trace when the header is not valid.
            trace: get(TRACE).and_then(|text| text.parse().ok()).unwrap_or_else(TraceContext::start),
            caller,
            idempotency_key: get(IDEMPOTENCY_KEY).map(Arc::from),
        })
    }

    /// The context for executing the call, once it is known who is asking.
    pub fn context(self, caller: Caller) -> CallContext {
        CallContext {
            deadline: self.deadline,
            trace: self.trace,
            caller,
            idempotency_key: self.idempotency_key,
        }
    }
}

/// Gives `put` the headers of `request`.
pub(crate) fn write(request: &Request, mut put: impl FnMut(&'static str, &str)) {
    let context = &request.context;
    put(VERSION, &request.version.to_string());
    put(EPOCH, &request.epoch.to_string());
    // Rounded down, which makes up for a part of the time on the way.
    put(DEADLINE, &context.remaining().as_millis().to_string());
    put(TRACE, &context.trace.to_string());
    match &context.caller {
        Caller::Anonymous => put(CALLER, ANONYMOUS),
        Caller::User { token, .. } => {
            put(CALLER, USER);
            put(USER_TOKEN, token);
        }
        Caller::Module(name) => put(CALLER, &format!("{MODULE}{name}")),
    }
    if let Some(key) = &context.idempotency_key {
        put(IDEMPOTENCY_KEY, key);
    }
}

fn number<T: std::str::FromStr>(name: &str, text: Option<&str>) -> Result<T, String> {
    let text = text.ok_or_else(|| format!("{name} is missing"))?;
    text.parse().map_err(|_not_a_number| format!("{name} is not a number in range"))
}

#[cfg(test)]
mod tests;

//! What a module's server answers, apart from the type of the message in it.

use std::future::Future;

use bytes::Bytes;
use kernel_types::{CallError, Executed};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::MOST_BYTES;

/// The answer to one call. [`wire`](crate::wire) lists how each looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The response message.
    Done(Bytes),
    /// `{"refused": E}`, with the contract's own error.
    Refused(Bytes),
    /// The receiver does not own the module at the caller's epoch.
    Misdirected {
        /// The epoch that the receiver knows.
        owner_epoch: u64,
    },
    /// The module could not serve.
    Unavailable {
        /// Whether it may have been executed all the same.
        executed: Executed,
    },
    /// The deadline passed.
    TimedOut {
        /// Whether it may have been executed all the same.
        executed: Executed,
    },
    /// The receiver was built with another contract version.
    Incompatible {
        /// The receiver's version.
        version: u32,
    },
    /// The call cannot be read, or there is no such method.
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The user's token is not valid here.
    NotAdmitted,
    /// The answer of something that is no seam's server: a proxy, the public 404, a fault.
    Foreign {
        /// Its HTTP status.
        status: u16,
    },
}

/// Every answer but the two that carry a message, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Problem {
    Misdirected { owner_epoch: u64 },
    Unavailable { executed: Executed },
    TimedOut { executed: Executed },
    Incompatible { version: u32 },
    Malformed { reason: String },
    NotAdmitted,
}

/// Wraps the contract's own error, so that its body is told apart from other errors.
#[derive(Serialize, Deserialize)]
pub(crate) struct Refusal<E> {
    pub(crate) refused: E,
}

// === impl Reply ===

impl Reply {
    /// What a contract's method gave, encoded.
    pub(crate) fn of<T: Serialize, E: Serialize>(outcome: Result<T, CallError<E>>) -> Self {
        match outcome {
            Ok(response) => encoded(&response, Self::Done),
            Err(CallError::Refused(refused)) => encoded(&Refusal { refused }, Self::Refused),
            Err(CallError::Misdirected { owner_epoch, .. }) => Self::Misdirected { owner_epoch },
            Err(CallError::Unavailable { executed, .. }) => Self::Unavailable { executed },
            Err(CallError::TimedOut { executed, .. }) => Self::TimedOut { executed },
        }
    }

    /// HTTP status and body.
    pub fn into_wire(self) -> (u16, Bytes) {
        let (status, problem) = match self {
            Self::Done(body) => return (200, body),
            Self::Refused(body) => return (422, body),
            Self::Foreign { status } => return (status, Bytes::new()),
            Self::Misdirected { owner_epoch } => (421, Problem::Misdirected { owner_epoch }),
            Self::Unavailable { executed } => (503, Problem::Unavailable { executed }),
            Self::TimedOut { executed } => (504, Problem::TimedOut { executed }),
            Self::Incompatible { version } => (409, Problem::Incompatible { version }),
            Self::Malformed { reason } => (400, Problem::Malformed { reason }),
            Self::NotAdmitted => (401, Problem::NotAdmitted),
        };
        // Numbers and text always become JSON.
        (status, serde_json::to_vec(&problem).map(Bytes::from).unwrap_or_default())
    }

    /// Reads what [`Reply::into_wire`] made. What nobody of ours can have made is [`Reply::Foreign`].
    pub fn from_wire(status: u16, body: Bytes) -> Self {
        match status {
            200 => return Self::Done(body),
            422 => return Self::Refused(body),
            _ => {}
        }
        match (status, serde_json::from_slice(&body)) {
            (421, Ok(Problem::Misdirected { owner_epoch })) => Self::Misdirected { owner_epoch },
            (503, Ok(Problem::Unavailable { executed })) => Self::Unavailable { executed },
            (504, Ok(Problem::TimedOut { executed })) => Self::TimedOut { executed },
            (409, Ok(Problem::Incompatible { version })) => Self::Incompatible { version },
            (400, Ok(Problem::Malformed { reason })) => Self::Malformed { reason },
            (401, Ok(Problem::NotAdmitted)) => Self::NotAdmitted,
            _ => Self::Foreign { status },
        }
    }

    /// Whether the call may have been executed without the caller getting its result.
    pub(crate) fn executed(&self) -> Executed {
        match self {
            Self::Unavailable { executed } | Self::TimedOut { executed } => *executed,
            Self::Foreign { status } if !(400..500).contains(status) => Executed::Maybe,
            Self::Done(_)
            | Self::Refused(_)
            | Self::Misdirected { .. }
            | Self::Incompatible { .. }
            | Self::Malformed { .. }
            | Self::NotAdmitted
            | Self::Foreign { .. } => Executed::No,
        }
    }
}

fn encoded<T: Serialize>(message: &T, reply: impl FnOnce(Bytes) -> Reply) -> Reply {
    match serde_json::to_vec(message) {
        Ok(body) if body.len() <= MOST_BYTES => reply(body.into()),
        Ok(body) => {
            log::error!("an answer of {} bytes is too long to be sent", body.len());
            Reply::Unavailable { executed: Executed::Maybe }
        }
        Err(error) => {
            log::error!("an answer cannot be encoded: {error}");
            Reply::Unavailable { executed: Executed::Maybe }
        }
    }
}

/// Decodes a request, calls, and encodes the outcome.
#[doc(hidden)]
pub async fn answer<Q, T, E, F>(body: &[u8], call: impl FnOnce(Q) -> F) -> Reply
where
    Q: DeserializeOwned,
    T: Serialize,
    E: Serialize,
    F: Future<Output = Result<T, CallError<E>>>,
{
    let request = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return Reply::Malformed { reason: error.to_string() },
    };
    Reply::of(call(request).await)
}

#[doc(hidden)]
pub fn no_such_method(name: &str) -> Reply {
    Reply::Malformed { reason: format!("there is no method {name:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: Reply) -> (u16, String) {
        let (status, body) = reply.into_wire();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[test]
    fn each_answer_looks_as_documented_and_is_read_again() {
        for (reply, status, body) in [
            (Reply::of::<_, ()>(Ok(7)), 200, "7"),
            (Reply::of::<(), _>(Err(CallError::Refused("why"))), 422, r#"{"refused":"why"}"#),
            (Reply::Misdirected { owner_epoch: 8 }, 421, r#"{"misdirected":{"owner_epoch":8}}"#),
            (Reply::Unavailable { executed: Executed::No }, 503, r#"{"unavailable":{"executed":"no"}}"#),
            (Reply::TimedOut { executed: Executed::Maybe }, 504, r#"{"timed_out":{"executed":"maybe"}}"#),
            (Reply::Incompatible { version: 2 }, 409, r#"{"incompatible":{"version":2}}"#),
            (Reply::Malformed { reason: "x".into() }, 400, r#"{"malformed":{"reason":"x"}}"#),
            (Reply::NotAdmitted, 401, r#""not_admitted""#),
        ] {
            assert_eq!(wire(reply.clone()), (status, body.to_owned()));
            assert_eq!(Reply::from_wire(status, Bytes::from(body)), reply);
        }
    }

    #[test]
    fn an_answer_that_is_not_ours_tells_by_its_status_whether_anything_ran() {
        for (status, executed) in [
            (404, Executed::No),
            (413, Executed::No),
            (302, Executed::Maybe),
            (500, Executed::Maybe),
            (502, Executed::Maybe),
        ] {
            let reply = Reply::from_wire(status, Bytes::from_static(b"<html>"));
            assert_eq!((reply.clone(), reply.executed()), (Reply::Foreign { status }, executed));
        }
        // A load balancer's 503 says nothing about whether the request went through.
        assert_eq!(Reply::from_wire(503, Bytes::new()).executed(), Executed::Maybe);
    }

    #[test]
    fn an_answer_that_is_too_long_is_not_sent() {
        let reply = Reply::of::<_, ()>(Ok("x".repeat(MOST_BYTES)));
        assert_eq!(reply, Reply::Unavailable { executed: Executed::Maybe });
    }
}

//! What a call from module to module costs while both are in one process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::{CallContext, CallError, Coded, ErrorCode};
use seam::Handle;
use serde::{Deserialize, Serialize};

/// Calls that are timed.
pub(crate) const CALLS: u32 = 1_000_000;

/// The contract refuses nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("refused")]
pub struct EchoError;

impl Coded for EchoError {
    fn code(&self) -> ErrorCode {
        ErrorCode::Internal
    }
}

seam::contract! {
    /// The least that a contract can be.
    pub trait Echo: "bench", version 1, error EchoError {
        /// Gives back what it was given.
        idempotent fn echo(u64) -> u64;
    }
}

struct Local;

#[async_trait::async_trait]
impl Echo for Local {
    async fn echo(&self, _context: CallContext, request: u64) -> Result<u64, CallError<EchoError>> {
        Ok(request)
    }
}

/// Time of one call through a handle: enter the placement, copy the call's context, await the boxed future.
pub(crate) async fn time() -> anyhow::Result<Duration> {
    let handle: Handle<dyn Echo> = Handle::to(Arc::new(Local));
    let context = CallContext::of_module("bench", Duration::from_secs(60));
    let began = Instant::now();
    for number in 0..u64::from(CALLS) {
        let answer = handle.enter()?.echo(context.clone(), std::hint::black_box(number)).await?;
        std::hint::black_box(answer);
    }
    Ok(began.elapsed() / CALLS)
}

//! A contract for testing the transport with, and a server for it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use kernel::{CallContext, CallError, Principal, SessionId, Timestamp, UserId};
use seam::http::HttpTransport;
use seam::server::{Guard, Registry, UserRefused};
use seam::tokens::ServiceTokens;
use seam::{Endpoint, Epoch, Handle, Stub};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::node::tokens;
use crate::runner::EPOCH;

/// The contract's error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum EchoError {
    /// It was asked to.
    #[error("refused: {0}")]
    Refused(String),
}

seam::contract! {
    /// The least that shows everything.
    pub trait Echo: "echo", version 3, error EchoError {
        /// Gives back what it was given; refuses what begins with an exclamation mark.
        idempotent fn echo(String) -> String;
        /// Never answers.
        fn hang(()) -> ();
        /// Gives a text of that length.
        fn lengthen(usize) -> String;
    }
}

/// The same module, as a release with another contract version sees it.
pub mod next {
    pub use super::EchoError;

    seam::contract! {
        /// Built later.
        pub trait Echo: "echo", version 4, error EchoError {
            /// Gives back what it was given.
            idempotent fn echo(String) -> String;
        }
    }
}

/// Keeps the contexts that it was called with.
#[derive(Default)]
pub struct Module {
    pub calls: Mutex<Vec<CallContext>>,
    /// Tells that `hang` was called.
    pub hangs: Notify,
}

/// Nodes by their tokens; of users there is one, with the token `good`.
struct Gate(ServiceTokens);

/// A running server and what is behind it.
pub struct Served {
    pub base: String,
    pub module: Arc<Module>,
    pub registry: Registry,
    pub epoch: Epoch,
    _server: Ended,
}

/// Ends the server when it is dropped.
struct Ended(tokio::task::JoinHandle<std::io::Result<()>>);

/// What the application answers for an address that it does not know.
pub const UNKNOWN: &str = "there is nothing here";

/// The user with the token `good`.
pub fn principal() -> Principal {
    Principal {
        user_id: "usr_01jdcfmsy8fx1r9m1v3sc7m2qa".parse::<UserId>().unwrap(),
        session_id: "ses_01jdcfmsy8fx1r9m1v3sc7m2qa".parse::<SessionId>().unwrap(),
        roles: Vec::new(),
        expires_at: Timestamp::from_micros(4_000_000_000_000_000),
    }
}

/// A context that runs out after a while.
pub fn within(milliseconds: u64) -> CallContext {
    CallContext::of_module("test", Duration::from_millis(milliseconds))
}

/// A transport to `base`.
pub fn transport(base: &str) -> HttpTransport {
    HttpTransport::new(seam::http::client().unwrap(), base, tokens())
}

/// A handle that leads to `base`.
pub fn remote(base: &str) -> Handle<dyn Echo> {
    Handle::to(<dyn Echo as seam::Contract>::remote(Stub::new(Arc::new(transport(base)), Epoch::new(EPOCH))))
}

// === impl Served ===

impl Served {
    /// Serves the module on a port of its own.
    pub fn start() -> Self {
        let (module, registry, epoch) = (Arc::new(Module::default()), Registry::default(), Epoch::new(EPOCH));
        registry.serve(Endpoint::of::<dyn Echo>(module.clone(), epoch.clone()));
        let (routes, guard): (_, Arc<dyn Guard>) = (registry.clone(), Arc::new(Gate(tokens())));
        let server = HttpServer::new(move || {
            App::new()
                .configure(seam::server::configure(routes.clone(), Arc::clone(&guard)))
                .default_service(web::to(|| async { HttpResponse::NotFound().body(UNKNOWN) }))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let base = format!("http://{}", server.addrs()[0]);
        Self { base, module, registry, epoch, _server: Ended(tokio::spawn(server.run())) }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

// === impl Module ===

impl Module {
    fn called(&self, context: CallContext) {
        self.calls.lock().unwrap().push(context);
    }

    /// How often it was called.
    pub fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }
}

#[async_trait::async_trait]
impl Echo for Module {
    async fn echo(&self, context: CallContext, text: String) -> Result<String, CallError<EchoError>> {
        self.called(context);
        if text.starts_with('!') { Err(EchoError::Refused(text).into()) } else { Ok(text) }
    }

    async fn hang(&self, context: CallContext, (): ()) -> Result<(), CallError<EchoError>> {
        self.called(context);
        self.hangs.notify_one();
        std::future::pending().await
    }

    async fn lengthen(&self, context: CallContext, length: usize) -> Result<String, CallError<EchoError>> {
        self.called(context);
        Ok("x".repeat(length))
    }
}

// === impl Gate ===

#[async_trait::async_trait]
impl Guard for Gate {
    fn admits(&self, token: &str, audience: &str) -> bool {
        self.0.verify(token, audience).is_ok()
    }

    async fn user(&self, token: &str) -> Result<Principal, UserRefused> {
        match token {
            "good" => Ok(principal()),
            "unknowable" => Err(UserRefused::Unavailable),
            _ => Err(UserRefused::Invalid),
        }
    }
}

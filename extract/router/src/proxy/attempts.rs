//! Sends a request until it is answered or may not be sent again.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use actix_web::http::{Method, StatusCode};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use http::Response;
use hyper::body::Incoming;
use kernel_types::Executed;

use super::body::{Progress, Source};
use super::framing::Framing;
use super::pool::{self, NoConnection, Sender};
use super::request::{self, Extra};
use super::response::{self, Asked, Held};
use super::upgrade;
use crate::error::ProxyError;
use crate::retry::{self, Failure, Resend};
use crate::settings::Settings;
use crate::target::Target;
use crate::upstream::Attempt;

/// Times that one request is sent.
const ATTEMPTS: usize = 3;

/// What stays the same over all attempts, but for the target, which may turn out to be outdated.
struct Exchange<'a> {
    target: Arc<Target>,
    request: &'a HttpRequest,
    extra: Extra<'a>,
    framing: Framing,
    settings: &'a Settings,
    deadline: Instant,
    progress: Rc<Cell<Progress>>,
}

/// An answer's head, and what it holds of its upstream.
struct Answered {
    answer: Response<Incoming>,
    sender: Sender,
}

struct Failed {
    failure: Failure,
    error: ProxyError,
}

/// Forwards a request. `latest` tells where the target is now, for when an upstream answers that it is not there.
pub(crate) async fn forward(
    target: Arc<Target>,
    latest: impl Fn() -> Option<Arc<Target>>,
    request: &HttpRequest,
    payload: Payload,
    extra: Extra<'_>,
    deadline: Instant,
    settings: &Settings,
) -> Result<HttpResponse, ProxyError> {
    let framing = Framing::of(request, settings)?;
    let (payload, mut handshake) = match framing {
        Framing::Upgrade => (None, Some(payload)),
        _ => (Some(payload), None),
    };
    let (mut source, progress) = match payload {
        Some(payload) => Source::of(framing, payload, &settings.limits, deadline).await?,
        None => (Source::Whole(bytes::Bytes::new()), Rc::new(Cell::new(Progress::Complete))),
    };
    target.budget.deposit();
    let mut exchange = Exchange { target, request, extra, framing, settings, deadline, progress };
    let mut avoid = None;
    let mut fresh = false;
    let mut died = false;
    for attempt_number in 1.. {
        let now = Instant::now();
        let Some(mut attempt) = exchange.target.begin(avoid, now) else {
            return Err(ProxyError::NoInstance { target: exchange.target.name.clone() });
        };
        let failed = match exchange.attempt(&mut attempt, &mut source, fresh).await {
            Ok(answered) => return exchange.answer(answered, attempt, &mut handshake).await,
            Err(failed) => failed,
        };
        let several = exchange.target.upstreams.len() > 1;
        let resend = Resend { idempotent: exchange.is_idempotent(), replayable: source.is_there() };
        if let ProxyError::Misdirected { .. } = failed.error {
            // It was not executed, so it may be sent to whoever owns the module now; or to another instance, if this one has not
            // heard yet that it does. That costs no budget: it is no sign of load.
            let newer = latest().filter(|latest| latest.epoch != exchange.target.epoch);
            if attempt_number >= ATTEMPTS || !source.is_there() || (newer.is_none() && !several) {
                return Err(failed.error);
            }
            avoid = Some(attempt.upstream.key);
            exchange.target = newer.unwrap_or(exchange.target);
            continue;
        }
        // The same instance would refuse a connection again, or die again.
        let elsewhere = match failed.failure {
            Failure::NewConnection => several && !std::mem::replace(&mut died, true),
            _ => several || !matches!(failed.error, ProxyError::Connect { .. }),
        };
        let again = attempt_number < ATTEMPTS
            && Instant::now() < deadline
            && elsewhere
            && retry::allowed(failed.failure, resend)
            && exchange.target.budget.withdraw(Instant::now());
        if !again {
            return Err(failed.error);
        }
        log::debug!("trying again: {}", failed.error);
        avoid = Some(attempt.upstream.key);
        // The other idle connections are as old as the one that was dead.
        fresh = true;
    }
    Err(ProxyError::Internal("it was sent too often"))
}

// === impl Exchange ===

impl Exchange<'_> {
    async fn attempt(
        &self,
        attempt: &mut Attempt,
        source: &mut Source,
        fresh: bool,
    ) -> Result<Answered, Failed> {
        let upstream = &attempt.upstream;
        let pooled = if fresh { None } else { pool::take(upstream, attempt.began) };
        let reused = pooled.is_some();
        let mut sender = match pooled {
            Some(sender) => sender,
            None => match pool::connect(upstream, &self.settings.pool, &self.settings.limits, self.deadline)
                .await
            {
                Ok(sender) => sender,
                Err(error) => return Err(self.not_connected(error, attempt)),
            },
        };
        let body = source.take().ok_or_else(|| Failed::of(ProxyError::Internal("a body was sent twice")))?;
        let (request, extra, settings) = (self.request, self.extra, self.settings);
        let built =
            request::build(request, self.framing, body, &self.target, &attempt.upstream, extra, settings);
        let built = built.map_err(Failed::of)?;
        let sent = tokio::time::timeout_at(self.deadline.into(), sender.try_send_request(built));
        match sent.await {
            Ok(Ok(answer)) if self.is_misdirected(&answer) => {
                attempt.answered(answer.status().as_u16(), Instant::now());
                let url = attempt.upstream.url.to_string();
                let told = answer.headers().get("x-module-epoch");
                let owner_epoch = told.and_then(|epoch| epoch.to_str().ok()?.parse().ok());
                Err(Failed::of(ProxyError::Misdirected { url, owner_epoch }))
            }
            Ok(Ok(answer)) => Ok(Answered { answer, sender }),
            Ok(Err(mut failed)) => {
                let given_back = failed.take_message();
                let unsent = given_back.is_some();
                if let Some(request) = given_back {
                    source.give_back(request.into_body());
                }
                Err(self.closed(failed.into_error(), unsent, reused, attempt))
            }
            Err(_late) => {
                attempt.failed(Instant::now());
                let url = attempt.upstream.url.to_string();
                Err(Failed::of(ProxyError::TimedOut { url, executed: Executed::Maybe }))
            }
        }
    }

    fn not_connected(&self, why: NoConnection, attempt: &mut Attempt) -> Failed {
        match why {
            NoConnection::TooMany => {
                Failed::of(ProxyError::TooManyConnections { target: self.target.name.clone() })
            }
            NoConnection::Failed(source) => {
                attempt.failed(Instant::now());
                let url = attempt.upstream.url.to_string();
                Failed { failure: Failure::NotSent, error: ProxyError::Connect { url, source } }
            }
        }
    }

    /// The connection ended before an answer came.
    fn closed(&self, error: hyper::Error, unsent: bool, reused: bool, attempt: &mut Attempt) -> Failed {
        // If the client broke off its body, so did we ours, and the upstream is not to blame.
        match self.progress.get() {
            Progress::Broken => return Failed::of(ProxyError::ClientGone),
            Progress::Slow => return Failed::of(ProxyError::ClientTooSlow),
            Progress::TooLong => {
                return Failed::of(ProxyError::BodyTooLarge { limit: self.settings.limits.body });
            }
            Progress::Untouched | Progress::Running | Progress::Complete => {}
        }
        let url = attempt.upstream.url.to_string();
        if error.is_parse() {
            attempt.failed(Instant::now());
            return Failed::of(ProxyError::BadResponse { url, why: "it is not HTTP/1.1" });
        }
        if !reused {
            attempt.failed(Instant::now());
        }
        let failure = match (unsent, reused) {
            (true, _) => Failure::NotSent,
            (false, true) => Failure::ReusedConnection,
            (false, false) => Failure::NewConnection,
        };
        let executed = if unsent { Executed::No } else { Executed::Maybe };
        Failed { failure, error: ProxyError::Closed { url, executed, source: error } }
    }

    async fn answer(
        &self,
        answered: Answered,
        mut attempt: Attempt,
        handshake: &mut Option<Payload>,
    ) -> Result<HttpResponse, ProxyError> {
        let Answered { answer, sender } = answered;
        let status = answer.status().as_u16();
        attempt.answered(status, Instant::now());
        let url = || attempt.upstream.url.to_string();
        if status == StatusCode::SWITCHING_PROTOCOLS.as_u16() {
            let Some(payload) = handshake.take() else {
                return Err(ProxyError::BadResponse {
                    url: url(),
                    why: "it switched protocols without being asked",
                });
            };
            return upgrade::join(answer, payload, attempt, self.settings.limits.idle).await;
        }
        let size: usize =
            answer.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if size > self.settings.limits.headers {
            return Err(ProxyError::BadResponse { url: url(), why: "its headers are too long" });
        }
        let asked = Asked {
            method: self.request.method(),
            version: self.request.version(),
            complete: handshake.is_none() && self.progress.get() == Progress::Complete,
        };
        response::build(answer, &asked, Held { attempt, sender, pool: self.settings.pool }, self.settings)
    }

    /// Whether an owner says that it is not the owner. A foreign application's 421 is its own business.
    fn is_misdirected(&self, answer: &Response<Incoming>) -> bool {
        answer.status().as_u16() == StatusCode::MISDIRECTED_REQUEST.as_u16() && self.target.epoch.is_some()
    }

    fn is_idempotent(&self) -> bool {
        let by_method = matches!(
            *self.request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
        );
        by_method || self.request.headers().contains_key("idempotency-key")
    }
}

// === impl Failed ===

impl Failed {
    /// One after which nothing is sent again.
    fn of(error: ProxyError) -> Self {
        Self { failure: Failure::Other, error }
    }
}

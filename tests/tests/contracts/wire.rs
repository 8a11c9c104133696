//! The internal routes, spoken to by hand: what goes over the wire is what is documented, and nobody else is let in.

use std::sync::Arc;
use std::time::Duration;

use kernel::{CallContext, CallError, Caller, Executed, TraceContext};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use seam::tokens::ServiceTokens;

use crate::echo::{EchoError, Served, UNKNOWN, principal, remote};
use crate::node::tokens;
use crate::runner::context;

/// A call as the documentation of the wire shows it.
fn call(served: &Served, method: &str) -> RequestBuilder {
    Client::new()
        .post(format!("{}/_internal/echo/{method}", served.base))
        .header("authorization", format!("Bearer {}", tokens().mint("echo").unwrap()))
        .header("x-banyan-contract-version", "3")
        .header("x-module-epoch", "7")
        .header("x-banyan-deadline-ms", "5000")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .header("x-banyan-caller", "anonymous")
}

fn replace(request: RequestBuilder, name: &'static str, value: &str) -> RequestBuilder {
    let mut headers = HeaderMap::new();
    headers.insert(name, value.parse().unwrap());
    request.headers(headers)
}

async fn send(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_looks_as_documented() {
    let served = Served::start();
    assert_eq!(send(call(&served, "echo").body("\"hi\"")).await, (200, "\"hi\"".to_owned()));
    let refused = send(call(&served, "echo").body("\"!hi\"")).await;
    assert_eq!(refused, (422, r#"{"refused":{"Refused":"!hi"}}"#.to_owned()));
    let seen = served.module.calls.lock().unwrap()[0].clone();
    assert_eq!(seen.trace.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_context_of_a_call_arrives() {
    let served = Served::start();
    let handle = remote(&served.base);
    let user = Caller::User { principal: Arc::new(principal()), token: "good".into() };
    for caller in [Caller::Anonymous, Caller::Module("order".into()), user] {
        let sent = CallContext { caller, idempotency_key: Some("key-1".into()), ..context() };
        handle.enter().unwrap().echo(sent.clone(), "hi".to_owned()).await.unwrap();
        let seen = served.module.calls.lock().unwrap().pop().unwrap();
        assert_eq!((seen.caller, seen.idempotency_key), (sent.caller, sent.idempotency_key));
        let TraceContext { trace_id, parent_id, flags } = seen.trace;
        assert_eq!((trace_id, flags), (sent.trace.trace_id, sent.trace.flags));
        assert_ne!(parent_id, sent.trace.parent_id, "the call is a span of its own");
        assert!(seen.deadline <= sent.deadline + Duration::from_secs(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_service_token_the_address_does_not_exist() {
    let served = Served::start();
    let client = Client::new();
    let unknown =
        client.post(format!("{}/no/such/address", served.base)).body("\"hi\"").send().await.unwrap();
    let headers = shown(unknown.headers());
    assert_eq!((unknown.status().as_u16(), unknown.text().await.unwrap().as_str()), (404, UNKNOWN));
    let stranger = ServiceTokens::new("stranger", &[1; 32]).mint("echo").unwrap();
    for authorization in [
        String::new(),
        format!("Bearer {stranger}"),
        // Good, but for another module.
        format!("Bearer {}", tokens().mint("order").unwrap()),
        format!("Basic {}", tokens().mint("echo").unwrap()),
        "Bearer".to_owned(),
    ] {
        let response = replace(call(&served, "echo"), "authorization", &authorization).body("\"hi\"");
        let response = response.send().await.unwrap();
        assert_eq!(shown(response.headers()), headers, "{authorization:?}");
        assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (404, UNKNOWN));
    }
    // A token opens the one address that there is, and only for POST.
    let token = format!("Bearer {}", tokens().mint("echo").unwrap());
    for (method, path) in [
        (Method::GET, "/_internal/echo/echo"),
        (Method::POST, "/_internal/echo"),
        (Method::POST, "/_internal/echo/echo/x"),
    ] {
        let request =
            client.request(method, format!("{}{path}", served.base)).header("authorization", &token);
        assert_eq!(send(request).await, (404, UNKNOWN.to_owned()), "{path}");
    }
    assert_eq!(served.module.count(), 0);
}

/// Headers that do not change from one answer to the next.
fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut shown: Vec<_> = headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    shown.sort();
    shown
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_looked_for_in_one_order_and_nothing_is_executed() {
    let served = Served::start();
    // Everything is wrong with it; mended one by one, it shows the next.
    let mut request = call(&served, "no_such_method").body("no message");
    for (name, wrong) in [
        ("x-banyan-contract-version", "2"),
        ("x-module-epoch", "6"),
        ("x-banyan-deadline-ms", "0"),
        ("x-banyan-caller", "user"),
        ("x-banyan-user-token", "forged"),
    ] {
        request = replace(request, name, wrong);
    }
    for (name, right, status, body) in [
        ("x-banyan-contract-version", "3", 409, r#"{"incompatible":{"version":3}}"#),
        ("x-module-epoch", "7", 421, r#"{"misdirected":{"owner_epoch":7}}"#),
        ("x-banyan-deadline-ms", "5000", 504, r#"{"timed_out":{"executed":"no"}}"#),
        ("x-banyan-user-token", "good", 401, r#""not_admitted""#),
    ] {
        assert_eq!(send(request.try_clone().unwrap()).await, (status, body.to_owned()), "{name}");
        request = replace(request, name, right);
    }
    let (status, body) = send(request).await;
    assert_eq!(status, 400);
    assert!(body.contains("there is no method"), "{body}");
    let (status, body) = send(call(&served, "echo").body("17")).await;
    assert!(status == 400 && body.starts_with(r#"{"malformed":{"reason":"#), "{status} {body}");
    assert_eq!(served.module.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_turned_away_leaves_its_connection_usable() {
    let served = Served::start();
    let request = replace(call(&served, "echo"), "x-module-epoch", "6").body("\"hi\"");
    let response = request.send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers().get("connection")), (421, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_cannot_be_read_is_named() {
    let served = Served::start();
    for name in ["x-banyan-contract-version", "x-module-epoch", "x-banyan-deadline-ms", "x-banyan-caller"] {
        let (status, body) = send(replace(call(&served, "echo"), name, "-").body("\"hi\"")).await;
        assert!(status == 400 && body.contains(name), "{status} {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_long_is_refused_unread() {
    let served = Served::start();
    let long = vec![b'x'; seam::wire::MOST_BYTES + 1];
    // The server may close before it has all of it.
    if let Ok(response) = call(&served, "echo").body(long).send().await {
        assert_eq!(response.status(), 400);
    }
    assert_eq!(served.module.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_cannot_be_verified_now_is_unavailable_and_one_that_is_not_valid_too() {
    let served = Served::start();
    for token in ["unknowable", "forged"] {
        let caller = Caller::User { principal: Arc::new(principal()), token: token.into() };
        let context = CallContext { caller, ..context() };
        let outcome = remote(&served.base).enter().unwrap().echo(context, "hi".to_owned()).await;
        let unavailable = CallError::Unavailable::<EchoError> { module: "echo", executed: Executed::No };
        assert_eq!((outcome, served.module.count()), (Err(unavailable), 0), "{token}");
    }
}

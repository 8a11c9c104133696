//! A small HTTP client whose assertions show the whole response.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Longest that a request may take: past it a test has found a hang.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends requests to one server. Clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// A request that has not been sent.
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    builder: RequestBuilder,
    line: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// HTTP headers.
    pub headers: HeaderMap,
    /// The body as JSON; [`Value::Null`] when it is something else.
    pub body: Value,
    /// The body as text.
    pub text: String,
    /// Method and path of the request, for messages.
    line: String,
}

// === impl Client ===

impl Client {
    /// A client for the server at `base`, such as `http://127.0.0.1:8080`. It follows no redirect and uses no proxy.
    ///
    /// # Panics
    /// When the HTTP library cannot start.
    pub fn new(base: impl Into<String>) -> Self {
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .expect("a plain HTTP client can be built");
        Self { http, base: base.into().trim_end_matches('/').to_owned() }
    }

    /// A GET request for `path`, which begins with `/` and may have a query.
    pub fn get(&self, path: &str) -> Request {
        self.request(Method::GET, path)
    }

    /// A POST request.
    pub fn post(&self, path: &str) -> Request {
        self.request(Method::POST, path)
    }

    /// A PUT request.
    pub fn put(&self, path: &str) -> Request {
        self.request(Method::PUT, path)
    }

    /// A PATCH request.
    pub fn patch(&self, path: &str) -> Request {
        self.request(Method::PATCH, path)
    }

    /// A DELETE request.
    pub fn delete(&self, path: &str) -> Request {
        self.request(Method::DELETE, path)
    }

    /// A request with any method.
    pub fn request(&self, method: Method, path: &str) -> Request {
        let line = format!("{method} {path}");
        Request { builder: self.http.request(method, format!("{}{path}", self.base)), line }
    }
}

// === impl Request ===

impl Request {
    /// Adds `Authorization: Bearer TOKEN`.
    pub fn bearer(self, token: &str) -> Self {
        self.with(|builder| builder.bearer_auth(token))
    }

    /// Sends `value` as the JSON body.
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        self.with(|builder| builder.json(value))
    }

    /// Sends `body` as it is.
    pub fn raw(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.header("content-type", content_type).with(|builder| builder.body(body.into()))
    }

    /// Adds a header.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|builder| builder.header(name, value))
    }

    /// Adds `Idempotency-Key`.
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// Sends the request and reads the whole response.
    ///
    /// # Errors
    /// When there is no response, or not all of it.
    pub async fn try_send(self) -> Result<Response, reqwest::Error> {
        let response = self.builder.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Response { status, headers, body, text, line: self.line })
    }

    /// As [`Request::try_send`], for a server that has to answer.
    ///
    /// # Panics
    /// When it does not.
    pub async fn send(self) -> Response {
        let line = self.line.clone();
        self.try_send().await.unwrap_or_else(|error| panic!("{line}: no response: {error:?}"))
    }

    fn with(self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self { builder: change(self.builder), line: self.line }
    }
}

// === impl Response ===

impl Response {
    /// Asserts the status.
    ///
    /// # Panics
    /// When it is another, showing request and response.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert!(self.status == status, "expected {status}: {self}");
        self
    }

    /// `error.code` of the body, such as `USER_NOT_FOUND`.
    ///
    /// # Panics
    /// When the body has none.
    #[track_caller]
    pub fn error_code(&self) -> &str {
        match self.body.pointer("/error/code").and_then(Value::as_str) {
            Some(code) => code,
            None => panic!("expected an error body: {self}"),
        }
    }

    /// A header's value; `None` when it is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as a `T`.
    ///
    /// # Panics
    /// When it is something else.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_str(&self.text) {
            Ok(value) => value,
            Err(error) => panic!("expected {}: {error}: {self}", std::any::type_name::<T>()),
        }
    }
}

impl std::fmt::Display for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} gave {}", self.line, self.status)?;
        for (name, value) in &self.headers {
            write!(f, "\n{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        write!(f, "\n\n{}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
    use serde_json::json;

    use super::*;

    /// Answers 404 with what it was sent.
    async fn echo(request: HttpRequest, body: String) -> HttpResponse {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        HttpResponse::NotFound().insert_header(("x-kit", "yes")).json(json!({
            "error": {"code": "NOTHING_HERE"},
            "seen": [request.method().as_str(), header("authorization"), header("idempotency-key"), body],
        }))
    }

    fn start() -> Client {
        let server = HttpServer::new(|| App::new().default_service(web::to(echo)))
            .workers(1)
            .disable_signals()
            .bind("127.0.0.1:0")
            .unwrap();
        let base = format!("http://{}/", server.addrs().first().unwrap());
        actix_web::rt::spawn(server.run());
        Client::new(base)
    }

    #[actix_web::test]
    async fn a_request_carries_what_it_was_given() {
        let response =
            start().post("/x?y=1").bearer("t").key("k").json(&json!({"a": 1})).send().await.expect(404);
        assert_eq!(response.body["seen"], json!(["POST", "Bearer t", "k", "{\"a\":1}"]));
        assert_eq!((response.header("x-kit"), response.error_code()), (Some("yes"), "NOTHING_HERE"));
        assert_eq!(response.json::<Value>(), response.body);
    }

    #[actix_web::test]
    #[should_panic(expected = "expected 200: GET /x gave 404")]
    async fn an_unexpected_status_shows_request_and_response() {
        start().get("/x").send().await.expect(200);
    }
}

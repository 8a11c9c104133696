//! How commands give orders to a running home.

use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::Config;
use crate::exit::Failure;
use crate::home::{HandoverView, Here, OperationView, secrets};

/// A running home, as an operator on the same machine reaches it.
pub(crate) struct Operator {
    url: String,
    token: String,
    client: reqwest::Client,
}

impl Operator {
    /// Finds home by the data directory, unless `url` names it.
    ///
    /// # Errors
    /// When no shop was started there, or its token cannot be read.
    pub(crate) fn new(config: &Config, url: Option<String>) -> Result<Self, Failure> {
        let directory = &config.data.directory;
        let url = match url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => Here::read(directory)?.url,
        };
        let token = secrets::read(&directory.join(secrets::OPERATOR_TOKEN))?;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(15)).build();
        Ok(Self { url, token, client: client.map_err(anyhow::Error::from)? })
    }

    /// Asks.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(self.client.get(format!("{}/_admin/{path}", self.url))).await
    }

    /// Orders.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        order: &impl Serialize,
    ) -> Result<T, Failure> {
        self.send(self.client.post(format!("{}/_admin/{path}", self.url)).json(order)).await
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Failure> {
        let answer = request.bearer_auth(&self.token).send().await.map_err(|error| Failure::Unreachable {
            url: self.url.clone(),
            reason: error.without_url().to_string(),
        })?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(anyhow::Error::from)?;
        if status.is_success() {
            return Ok(serde_json::from_slice(&body).map_err(anyhow::Error::from)?);
        }
        let told: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let message = told.pointer("/error/message").and_then(serde_json::Value::as_str);
        Err(Failure::Refused(message.map_or_else(|| format!("home answered {status}"), str::to_owned)))
    }

    /// Waits for the operation's end and shows each step to `show`. Home may be away meanwhile, but not for longer than half a
    /// minute.
    pub(crate) async fn watch(
        &self,
        begun: OperationView,
        mut show: impl FnMut(&OperationView),
    ) -> Result<OperationView, Failure> {
        let mut view = begun;
        show(&view);
        let mut heard = Instant::now();
        while view.ended_at.is_none() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let asked = self.get::<OperationView>(&format!("operations/{}", view.id)).await;
            match asked {
                Ok(now) => {
                    heard = Instant::now();
                    if now.phase != view.phase {
                        show(&now);
                    }
                    view = now;
                }
                Err(error) if heard.elapsed() > Duration::from_secs(30) => return Err(error),
                Err(_away) => {}
            }
        }
        Ok(view)
    }

    /// As [`Operator::watch`], for a handover: until it rests or has ended. Also shows how far a state is, every second.
    pub(crate) async fn watch_handover(
        &self,
        begun: HandoverView,
        mut show: impl FnMut(&HandoverView),
    ) -> Result<HandoverView, Failure> {
        let mut view = begun;
        show(&view);
        let (mut heard, mut shown) = (Instant::now(), Instant::now());
        while view.ended_at.is_none() && !view.is_at_rest() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            match self.get::<HandoverView>(&format!("handovers/{}", view.id)).await {
                Ok(now) => {
                    heard = Instant::now();
                    if now.state != view.state || shown.elapsed() > Duration::from_secs(1) {
                        shown = heard;
                        show(&now);
                    }
                    view = now;
                }
                Err(error) if heard.elapsed() > Duration::from_secs(30) => return Err(error),
                Err(_away) => {}
            }
        }
        Ok(view)
    }
}

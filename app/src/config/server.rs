//! Settings of the server and of logging.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// How requests are taken.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    /// Address and port.
    pub(crate) listen: String,
    /// Threads that take requests; 0 for one per processor.
    pub(crate) workers: u32,
    /// A request that is not answered by then is answered 504.
    pub(crate) request_seconds: u32,
    /// Largest JSON body.
    pub(crate) body_kibibytes: u32,
    /// How long an idle connection is kept. Longer than a proxy in front keeps it, or requests meet a closing connection.
    pub(crate) keep_alive_seconds: u32,
    /// How long running requests may take to end when the server stops.
    pub(crate) shutdown_seconds: u32,
    /// Where clients reach this server, if not at the address it listens on.
    pub(crate) public_url: Option<String>,
}

/// How log lines look.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    #[serde(deserialize_with = "level")]
    pub(crate) level: log::LevelFilter,
    /// `text` for people, `json` for machines.
    pub(crate) format: LogFormat,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<log::LevelFilter, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_unknown| {
        de::Error::invalid_value(de::Unexpected::Str(&text), &"error, warn, info, debug or trace")
    })
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            workers: 0,
            request_seconds: 15,
            body_kibibytes: 256,
            keep_alive_seconds: 75,
            shutdown_seconds: 20,
            public_url: None,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: log::LevelFilter::Info, format: LogFormat::Text }
    }
}

impl Server {
    pub(crate) fn request(&self) -> Duration {
        Duration::from_secs(self.request_seconds.max(2).into())
    }

    pub(crate) fn shutdown(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds.max(1).into())
    }

    /// Largest JSON body in bytes.
    pub(crate) fn body(&self) -> usize {
        usize::try_from(self.body_kibibytes).unwrap_or(256).saturating_mul(1024)
    }

    /// Threads that take requests.
    pub(crate) fn threads(&self) -> usize {
        match usize::try_from(self.workers) {
            Ok(0) | Err(_) => std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
            Ok(workers) => workers,
        }
    }
}

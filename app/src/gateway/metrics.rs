//! Prometheus metrics.

use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the duration buckets in seconds: fine where a shop lives, coarse where it hurts.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The process's metrics.
#[derive(Clone)]
pub(crate) struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Installs the recorder. Called once.
    pub(crate) fn install() -> anyhow::Result<Self> {
        let recorder = PrometheusBuilder::new().set_buckets(BUCKETS)?.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)?;
        Ok(Self { handle })
    }

    /// The text form.
    pub(crate) fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds observations into their buckets. To be called now and then, or they pile up until somebody reads them.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Counts one answered request.
pub(super) fn observe(module: &str, route: &str, method: &str, status: u16, duration: Duration) {
    let labels = [
        ("module", module.to_owned()),
        ("route", route.to_owned()),
        ("method", method.to_owned()),
        ("status", status.to_string()),
    ];
    metrics::counter!("banyan_http_requests_total", &labels).increment(1);
    let labels = [("module", module.to_owned()), ("route", route.to_owned()), ("method", method.to_owned())];
    metrics::histogram!("banyan_http_request_duration_seconds", &labels).record(duration.as_secs_f64());
}

//! Prometheus metrics.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use metrics::{Counter, Histogram};
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

/// The series of one route, method and status.
struct Series {
    method: &'static str,
    status: u16,
    requests: Counter,
    durations: Histogram,
}

thread_local! {
    /// By route. Each thread looks a series up in the registry once: that takes a lock and an allocation for every label.
    static KNOWN: RefCell<HashMap<String, Vec<Series>>> = RefCell::default();
}

/// Counts one answered request.
pub(super) fn observe(module: &str, route: &str, method: &'static str, status: u16, duration: Duration) {
    KNOWN.with_borrow_mut(|known| {
        let of_route = match known.get_mut(route) {
            Some(of_route) => of_route,
            None => known.entry(route.to_owned()).or_default(),
        };
        let same = |series: &&Series| series.status == status && series.method == method;
        if let Some(series) = of_route.iter().find(same) {
            series.count(duration);
        } else {
            let series = Series::of(module, route, method, status);
            series.count(duration);
            of_route.push(series);
        }
    });
}

// === impl Series ===

impl Series {
    fn of(module: &str, route: &str, method: &'static str, status: u16) -> Self {
        let labels = [
            ("module", module.to_owned()),
            ("route", route.to_owned()),
            ("method", method.to_owned()),
            ("status", status.to_string()),
        ];
        let [module, route, named, _status] = &labels;
        let timed = [module.clone(), route.clone(), named.clone()];
        Self {
            method,
            status,
            requests: metrics::counter!("banyan_http_requests_total", &labels),
            durations: metrics::histogram!("banyan_http_request_duration_seconds", &timed),
        }
    }

    fn count(&self, duration: Duration) {
        self.requests.increment(1);
        self.durations.record(duration.as_secs_f64());
    }
}

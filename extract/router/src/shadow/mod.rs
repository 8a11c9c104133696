//! Copies reads to a candidate and compares the answers.
//!
//! **Why.** A candidate that answers quickly and wrongly passes every check of status and latency. What it would have told
//! clients is compared before any client is sent to it.
//!
//! **Rules.** Only GET and HEAD are copied, so that nothing is done twice. The client's answer is finished before its copy is
//! put into a queue; if the queue is full the copy is dropped and counted, so a slow candidate slows nobody. Each sample is asked
//! of the candidate and once more of the primary: what differs between two answers of the same placement is noise (times,
//! ids), and only what differs more often at the candidate counts (`report`; Diffy's method). Both are asked at the same
//! time. What differs at the candidate alone is asked of both once more: what a write in between caused does not come again.
//!
//! **Odd cases.** A candidate that cannot be reached is counted apart and fails the comparison: no difference was seen, but
//! nothing was compared either. A primary that cannot be asked twice leaves that sample out. Bodies above the limit are
//! skipped and counted.

mod compare;
mod report;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::sync::mpsc;

pub use compare::Answer;
pub use report::{Count, Report};

use crate::fetch::{Fetched, fetch};
use crate::proxy;
use crate::table::BaseUrl;
use crate::upstream::Upstream;

/// The header that marks a copied request.
pub const MARK: &str = "x-banyan-shadow";

/// Bounds of the comparison.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Samples that wait.
    pub queue: usize,
    /// Samples that are asked for at a time.
    pub at_once: usize,
    /// Longest body that is compared, in bytes.
    pub body: usize,
    /// Longest wait for an answer.
    pub timeout: Duration,
}

/// One read and what the primary answered.
#[derive(Debug)]
pub struct Sample {
    module: String,
    method: Method,
    path: String,
    headers: HeaderMap,
    answer: Answer,
}

/// The primary, asked once more to learn what differs by itself.
#[derive(Debug, Clone)]
pub struct Primary {
    /// Where it listens.
    pub url: BaseUrl,
    /// Added to each request, such as what keeps it from being sent to the candidate or copied again.
    pub headers: Vec<(String, String)>,
}

/// The queue, and what was found.
#[derive(Debug)]
pub(crate) struct Shadows {
    limits: Limits,
    sender: mpsc::Sender<Sample>,
    /// Taken by the one who works it off.
    receiver: Mutex<Option<mpsc::Receiver<Sample>>>,
    reports: Mutex<BTreeMap<String, Report>>,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { queue: 64, at_once: 4, body: 256 * 1024, timeout: Duration::from_secs(5) }
    }
}

// === impl Sample ===

impl Sample {
    /// A sample, unless the request may have an effect.
    pub fn of(
        module: &str,
        request: &HttpRequest,
        status: u16,
        headers: HeaderMap,
        body: Bytes,
    ) -> Option<Self> {
        let method = match request.method().as_str() {
            "GET" => Method::GET,
            "HEAD" => Method::HEAD,
            _ => return None,
        };
        let path = request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
        let asked = proxy::end_to_end(request).ok()?;
        let answer = Answer { status, headers, body };
        Some(Self { module: module.to_owned(), method, path, headers: asked, answer })
    }
}

// === impl Shadows ===

impl Shadows {
    pub(crate) fn new(limits: Limits) -> Self {
        let (sender, receiver) = mpsc::channel(limits.queue.max(1));
        Self { limits, sender, receiver: Mutex::new(Some(receiver)), reports: Mutex::default() }
    }

    /// Puts a sample into the queue, or drops it.
    pub(crate) fn offer(&self, sample: Sample) {
        if sample.answer.body.len() > self.limits.body {
            self.note(&sample.module, |report| report.skipped += 1);
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(sample) | mpsc::error::TrySendError::Closed(sample)) =
            self.sender.try_send(sample)
        {
            self.note(&sample.module, |report| report.dropped += 1);
        }
    }

    pub(crate) fn report(&self, module: &str) -> Report {
        self.reports().get(module).cloned().unwrap_or_default()
    }

    pub(crate) fn clear(&self, module: &str) {
        self.reports().remove(module);
    }

    /// Works the queue off. Ends at once if somebody else does.
    pub(crate) async fn work(&self, primary: &Primary, candidate: impl Fn(&str) -> Option<Candidate>) {
        let Some(receiver) = self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let samples = futures_util::stream::unfold(receiver, |mut receiver| async {
            let sample = receiver.recv().await?;
            Some((sample, receiver))
        });
        samples
            .for_each_concurrent(self.limits.at_once.max(1), |sample| {
                let candidate = candidate(&sample.module);
                async move {
                    // It may have gone since the sample was taken.
                    if let Some(candidate) = candidate {
                        self.compare(sample, primary, &candidate).await;
                    }
                }
            })
            .await;
    }

    async fn compare(&self, sample: Sample, primary: &Primary, candidate: &Candidate) {
        let epoch = ("x-module-epoch".to_owned(), candidate.epoch.to_string());
        let marked = (MARK.to_owned(), "1".to_owned());
        let extra = [epoch, marked];
        let ask_both = || async {
            let asked_of_candidate = self.ask(&sample, &candidate.upstream.url, &extra);
            let asked_of_primary = self.ask(&sample, &primary.url, &primary.headers);
            tokio::join!(asked_of_candidate, asked_of_primary)
        };
        let (theirs, again) = ask_both().await;
        let theirs = match theirs {
            Ok(theirs) => theirs,
            Err(error) => {
                log::warn!(
                    "the shadow of {} at {} is unreachable: {error}",
                    sample.module,
                    candidate.upstream.url
                );
                return self.note(&sample.module, |report| report.unreachable += 1);
            }
        };
        let Ok(again) = again else { return self.note(&sample.module, |report| report.skipped += 1) };
        let mut differences = compare::differences(&sample.answer, &theirs.into());
        let noise = compare::differences(&sample.answer, &again.into());
        if !differences.is_subset(&noise)
            && let (Ok(theirs), Ok(again)) = ask_both().await
        {
            let still = compare::differences(&again.into(), &theirs.into());
            differences.retain(|place| noise.contains(place) || still.contains(place));
        }
        self.note(&sample.module, |report| report.compared(differences, noise));
    }

    async fn ask(
        &self,
        sample: &Sample,
        url: &BaseUrl,
        extra: &[(String, String)],
    ) -> std::io::Result<Fetched> {
        let mut headers = sample.headers.clone();
        for (name, value) in extra {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(std::io::Error::other)?;
            headers.insert(name, HeaderValue::from_str(value).map_err(std::io::Error::other)?);
        }
        fetch(url, sample.method.clone(), &sample.path, headers, self.limits.body, self.limits.timeout).await
    }

    fn note(&self, module: &str, change: impl FnOnce(&mut Report)) {
        let mut reports = self.reports();
        match reports.get_mut(module) {
            Some(report) => change(report),
            None => change(reports.entry(module.to_owned()).or_default()),
        }
    }

    fn reports(&self) -> MutexGuard<'_, BTreeMap<String, Report>> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One instance to compare with.
pub(crate) struct Candidate {
    pub(crate) upstream: std::sync::Arc<Upstream>,
    pub(crate) epoch: u64,
}

impl From<Fetched> for Answer {
    fn from(fetched: Fetched) -> Self {
        Self { status: fetched.status, headers: fetched.headers, body: fetched.body }
    }
}

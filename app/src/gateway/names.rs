//! Names of header fields. Parsing an unusual name allocates, so each is parsed when the program is compiled.

use actix_web::http::header::HeaderName;

/// Names a request in logs and errors.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// W3C Trace Context.
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Milliseconds that whoever forwards a request has left for it.
pub(super) const DEADLINE: HeaderName = HeaderName::from_static("x-banyan-deadline-ms");

/// The same for what goes out: the client speaks a later release of the same types.
pub(super) mod out {
    use http::HeaderName;

    pub(in crate::gateway) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    pub(in crate::gateway) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
    pub(in crate::gateway) const DEADLINE: HeaderName = HeaderName::from_static("x-banyan-deadline-ms");
}

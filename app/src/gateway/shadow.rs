//! Answers that are compared with a node's, once their clients have them.

use actix_web::body::{BoxBody, MessageBody as _};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::HeaderMap as Inbound;
use http::{HeaderMap, HeaderName, HeaderValue};
use router::Router;
use router::shadow::{MARK, Sample};

use crate::host::ModuleName;

/// Hands the router a copy of the answer to a read, if it wants one. A body that is still being made is not waited for.
pub(super) fn copied(
    response: ServiceResponse<BoxBody>,
    module: ModuleName,
    router: &Router,
) -> ServiceResponse<BoxBody> {
    if !router.is_shadowed(module.as_str()) || response.request().headers().contains_key(MARK) {
        return response;
    }
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let body = match body.try_into_bytes() {
        Ok(bytes) => {
            let status = response.status().as_u16();
            let headers = standard(response.headers());
            let sample = Sample::of(module.as_str(), &request, status, headers, bytes.clone());
            if let Some(sample) = sample {
                router.shadow(sample);
            }
            BoxBody::new(bytes)
        }
        Err(body) => body,
    };
    ServiceResponse::new(request, response.set_body(body))
}

/// The fields in the type that the rest of the field uses.
fn standard(headers: &Inbound) -> HeaderMap {
    let fields = headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value.as_bytes()).ok()?))
    });
    fields.collect()
}

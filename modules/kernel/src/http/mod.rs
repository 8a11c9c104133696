//! The conventions of the public API, as extractors and answers that every module's routes use.

mod body;
mod context;
mod effect;
mod error;
mod etag;
mod login;
mod paging;
mod query;

pub use body::Json;
pub use context::{Call, RequestContext};
pub use effect::{Effect, GUEST_TOKEN, GuestToken};
pub use error::{ApiError, ErrorBody, Problem};
pub use etag::{ETag, IfMatch, Mismatch, conditional, versioned};
pub use login::{Login, MaybeLogin};
pub use paging::{Cursors, Paging, page_response};
pub use query::Query;

use kernel_types::{ErrorCode, Id, IdKind};

/// Reads an id from a path. What is not an id names nothing, so it is answered like an unknown one.
///
/// # Errors
/// `missing`.
pub fn path_id<K: IdKind>(text: &str, missing: ErrorCode) -> Result<Id<K>, ApiError> {
    text.parse().map_err(|_not_an_id| ApiError::new(missing))
}

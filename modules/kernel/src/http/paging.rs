//! Cursor paging: keyset positions that clients cannot read into or make up.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use kernel_types::page::{DEFAULT_LIMIT, MAX_LIMIT};
use kernel_types::{Detail, ErrorCode, Page};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use super::ApiError;
use crate::store::Store;

const TAG_BYTES: usize = 16;

/// Makes and reads the cursors of one store's lists.
#[derive(Clone)]
pub struct Cursors {
    key: [u8; 32],
}

/// How far a list was walked: the limit and the position, both checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging<P> {
    /// Rows wanted, 1 to 100.
    pub limit: u32,
    /// Go on after this position; from the start when there is none.
    pub after: Option<P>,
}

/// Answers a page, with a `Link` to the next one (RFC 8288).
pub fn page_response<T: Serialize>(request: &HttpRequest, page: &Page<T>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &page.page.next_cursor {
        let kept =
            request.query_string().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
        let query: Vec<&str> = kept.collect();
        let separator = if query.is_empty() { "" } else { "&" };
        let next =
            format!("<{}?{}{separator}cursor={cursor}>; rel=\"next\"", request.path(), query.join("&"));
        response.insert_header((header::LINK, next));
    }
    response.json(page)
}

// === impl Cursors ===

impl Cursors {
    /// The cursors of `store`'s lists.
    pub fn of(store: &Store) -> Self {
        Self { key: store.secret() }
    }

    /// The text that goes on after `position` in `list`. `list` names the list with its filters and its order: the cursor is good for
    /// nothing else.
    pub fn encode(&self, list: &str, position: &impl Serialize) -> String {
        let mut bytes = serde_json::to_vec(position).unwrap_or_default();
        let tag = self.tag(list, &bytes);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Checks a client's `limit` and `cursor`.
    ///
    /// # Errors
    /// 400 `INVALID_PARAMETER` or `INVALID_CURSOR`.
    pub fn paging<P: DeserializeOwned>(
        &self,
        list: &str,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<Paging<P>, ApiError> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if limit == 0 || limit > MAX_LIMIT {
            let detail = Detail::of("limit", format!("must be from 1 to {MAX_LIMIT}")).with(limit);
            return Err(ApiError::new(ErrorCode::InvalidParameter).detail(detail));
        }
        Ok(Paging { limit, after: cursor.map(|cursor| self.decode(list, cursor)).transpose()? })
    }

    fn decode<P: DeserializeOwned>(&self, list: &str, cursor: &str) -> Result<P, ApiError> {
        let invalid = || ApiError::new(ErrorCode::InvalidCursor);
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_not_base64| invalid())?;
        let (position, tag) = bytes
            .len()
            .checked_sub(TAG_BYTES)
            .and_then(|length| bytes.split_at_checked(length))
            .ok_or_else(invalid)?;
        if !bool::from(subtle::ConstantTimeEq::ct_eq(self.tag(list, position).as_slice(), tag)) {
            return Err(invalid());
        }
        serde_json::from_slice(position).map_err(|_from_another_version| invalid())
    }

    fn tag(&self, list: &str, position: &[u8]) -> Vec<u8> {
        // An HMAC key may have any length, so this cannot fail; an empty tag would match nothing.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return Vec::new() };
        mac.update(list.as_bytes());
        mac.update(&[0]);
        mac.update(position);
        let mut tag = mac.finalize().into_bytes().to_vec();
        tag.truncate(TAG_BYTES);
        tag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURSORS: Cursors = Cursors { key: [7; 32] };

    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let cursor = CURSORS.encode("products?q=tea", &("tea", 3));
        let paging = CURSORS.paging::<(String, i64)>("products?q=tea", Some(5), Some(&cursor)).unwrap();
        assert_eq!(paging, Paging { limit: 5, after: Some(("tea".to_owned(), 3)) });
        for list in ["products?q=pot", "orders"] {
            let error = CURSORS.paging::<(String, i64)>(list, None, Some(&cursor)).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidCursor);
        }
    }

    #[test]
    fn a_changed_or_foreign_cursor_is_refused() {
        let good = CURSORS.encode("l", &1);
        let mut changed = good.clone();
        changed.replace_range(0..1, if good.starts_with('M') { "N" } else { "M" });
        let foreign = Cursors { key: [8; 32] }.encode("l", &1);
        for cursor in [changed.as_str(), foreign.as_str(), "", "!!", "AAAA"] {
            assert!(CURSORS.paging::<i64>("l", None, Some(cursor)).is_err(), "{cursor:?}");
        }
    }

    #[test]
    fn limits_outside_1_to_100_are_refused() {
        for limit in [0, 101, u32::MAX] {
            let error = CURSORS.paging::<i64>("l", Some(limit), None).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidParameter);
        }
    }
}

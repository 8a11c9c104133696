//! Request ids: the client's if it is harmless, else our own.

use std::sync::Arc;

use actix_web::http::header::HeaderMap;

use super::names::REQUEST_ID;

/// The id of the request with these headers.
pub(crate) fn of(headers: &HeaderMap) -> Arc<str> {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| is_harmless(id));
    given.map_or_else(fresh, Arc::from)
}

fn fresh() -> Arc<str> {
    let mut digits = [0_u8; 32];
    for digit in &mut digits {
        *digit = fastrand::choice(b"0123456789abcdef").copied().unwrap_or(b'0');
    }
    Arc::from(std::str::from_utf8(&digits).unwrap_or("-"))
}

/// What may stand in a log line and a header.
fn is_harmless(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        assert!(is_harmless("req-1.a:b_C"));
        for id in ["", "a b", "a\"b", "a\u{e9}", &"x".repeat(65)] {
            assert!(!is_harmless(id), "{id:?}");
        }
    }
}

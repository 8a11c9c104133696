//! Where two answers differ.
//!
//! A difference is named by its place: `status`, `header etag`, `body` for what is not JSON, and for JSON a path such as
//! `$.items[].price`, in which all elements of a list are one place, so that a fault in a thousand rows is one line.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::HeaderMap;
use http::header;
use serde_json::Value;

/// What is compared of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// All headers; a few are compared.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Headers that tell clients something about the content.
const COMPARED: [header::HeaderName; 4] =
    [header::CONTENT_TYPE, header::ETAG, header::LOCATION, header::CACHE_CONTROL];

/// Most places that one comparison names.
const MOST: usize = 64;

/// The places where `ours` and `theirs` differ.
pub(super) fn differences(ours: &Answer, theirs: &Answer) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if ours.status != theirs.status {
        found.insert("status".to_owned());
    }
    for name in COMPARED {
        if ours.headers.get(&name) != theirs.headers.get(&name) {
            found.insert(format!("header {name}"));
        }
    }
    if ours.body == theirs.body {
        return found;
    }
    match (json(ours), json(theirs)) {
        (Some(ours), Some(theirs)) => walk(&ours, &theirs, &mut "$".to_owned(), &mut found),
        _ => {
            found.insert("body".to_owned());
        }
    }
    found
}

fn json(answer: &Answer) -> Option<Value> {
    let media_type = answer.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = media_type.split(';').next()?.trim();
    let is_json = essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json");
    if is_json { serde_json::from_slice(&answer.body).ok() } else { None }
}

/// serde_json bounds the depth of what it reads, and so of this.
fn walk(ours: &Value, theirs: &Value, path: &mut String, found: &mut BTreeSet<String>) {
    if ours == theirs || found.len() >= MOST {
        return;
    }
    let length = path.len();
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let names: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
            for name in names {
                path.push('.');
                path.push_str(name);
                match (ours.get(name), theirs.get(name)) {
                    (Some(ours), Some(theirs)) => walk(ours, theirs, path, found),
                    _ => {
                        found.insert(path.clone());
                    }
                }
                path.truncate(length);
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            path.push_str("[]");
            if ours.len() != theirs.len() {
                found.insert(path.clone());
            }
            for (ours, theirs) in ours.iter().zip(theirs) {
                walk(ours, theirs, path, found);
            }
            path.truncate(length);
        }
        _ => {
            found.insert(path.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, media_type: &'static str, body: &'static str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(media_type));
        Answer { status, headers, body: Bytes::from_static(body.as_bytes()) }
    }

    fn found(ours: &Answer, theirs: &Answer) -> Vec<String> {
        differences(ours, theirs).into_iter().collect()
    }

    #[test]
    fn the_order_of_keys_and_white_space_are_no_difference() {
        let ours = answer(200, "application/json", r#"{"a":1,"b":[1,2]}"#);
        let theirs = answer(200, "application/json", r#"{ "b": [1, 2], "a": 1 }"#);
        assert!(found(&ours, &theirs).is_empty());
    }

    #[test]
    fn a_difference_is_named_by_its_place() {
        let ours =
            answer(200, "application/json", r#"{"items":[{"p":1,"q":0},{"p":2,"q":0}],"gone":1,"n":null}"#);
        let theirs =
            answer(200, "application/json", r#"{"items":[{"p":3,"q":0},{"p":4,"q":0}],"new":1,"n":0}"#);
        assert_eq!(found(&ours, &theirs), ["$.gone", "$.items[].p", "$.n", "$.new"]);
        let shorter = answer(200, "application/json", r#"{"items":[{"p":1,"q":0}],"gone":1,"n":null}"#);
        assert_eq!(found(&ours, &shorter), ["$.items[]"]);
    }

    #[test]
    fn status_headers_and_other_bodies_count() {
        let ours = answer(200, "text/plain", "a");
        let theirs = answer(404, "text/html", "b");
        assert_eq!(found(&ours, &theirs), ["body", "header content-type", "status"]);
    }
}

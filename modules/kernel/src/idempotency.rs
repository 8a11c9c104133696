//! Idempotency keys (draft-ietf-httpapi-idempotency-key-header): one effect, one answer, however often it is asked for.
//!
//! The answer is stored in the effect's own transaction. So an answer exists exactly if the effect does; a crash between the two
//! cannot happen, and no half-done mark has to be cleaned up. Only successes are stored: a refused request has had
//! no effect, and asking again may truthfully give another answer.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder};
use diesel::prelude::*;
use kernel_types::{Coded, ErrorCode, Timestamp};
use serde::Serialize;

use crate::on_each;
use crate::schema::idempotency_keys;
use crate::store::{Db, StoreError, Tx};

/// Expired answers that one request clears away. More than one, so that they do not pile up; not all, so that none waits for it.
const FORGOTTEN_AT_ONCE: i64 = 20;

/// How long an answer can be had again.
pub const TIME_TO_LIVE: Duration = Duration::from_secs(24 * 60 * 60);

/// A request's key: whose it is and what it asks.
#[derive(Debug, Clone)]
pub struct Key {
    /// Digest of caller, method, path and the client's key.
    pub id: String,
    /// Digest of the request's body.
    pub fingerprint: String,
    _in_flight: Arc<InFlight>,
}

/// The answer to an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    replayed: bool,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key came with another body before.
    #[error("the Idempotency-Key was used with another request")]
    Reused,
    /// A request with the key is being executed in this process.
    #[error("a request with this Idempotency-Key is still being executed")]
    InProgress,
}

/// The keys being executed in this process. Between processes the store's primary key decides.
static IN_FLIGHT: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

#[derive(Debug)]
struct InFlight(String);

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_keys)]
struct Row {
    id: String,
    fingerprint: String,
    status: i32,
    headers: String,
    body: String,
    expires_at: Timestamp,
}

/// Runs `effect` unless it has been run for this key before; then gives its answer again.
///
/// # Errors
/// [`KeyError::Reused`] when the key belongs to another request, or what `effect` returns.
pub fn once<E>(
    tx: &mut Tx<'_>,
    key: Option<&Key>,
    effect: impl FnOnce(&mut Tx<'_>) -> Result<Answer, E>,
) -> Result<Answer, E>
where
    E: From<StoreError> + From<KeyError>,
{
    let Some(key) = key else { return effect(tx) };
    let now = Timestamp::now();
    forget_expired(tx, now)?;
    if let Some(answer) = answer_of::<E>(tx, key)? {
        return Ok(answer);
    }
    let answer = effect(tx)?;
    let row = Row {
        id: key.id.clone(),
        fingerprint: key.fingerprint.clone(),
        status: i32::from(answer.status),
        headers: serde_json::to_string(&answer.headers).map_err(unreadable)?,
        body: answer.body.clone(),
        expires_at: now.plus(TIME_TO_LIVE),
    };
    on_each!(tx, conn => diesel::insert_into(idempotency_keys::table).values(&row).execute(conn))
        .map_err(StoreError::from)?;
    Ok(answer)
}

/// The answer that stands for `key`, for effects that must look at other things before their transaction.
///
/// # Errors
/// [`KeyError::Reused`] when the key belongs to another request.
pub fn answer_of<E>(db: &mut Db, key: &Key) -> Result<Option<Answer>, E>
where
    E: From<StoreError> + From<KeyError>,
{
    let now = Timestamp::now();
    match find(db, &key.id)?.filter(|row| row.expires_at > now) {
        None => Ok(None),
        Some(row) if row.fingerprint != key.fingerprint => Err(KeyError::Reused.into()),
        Some(row) => Ok(Some(Answer::replay(row)?)),
    }
}

fn find(db: &mut Db, id: &str) -> Result<Option<Row>, StoreError> {
    let row = idempotency_keys::table.find(id);
    Ok(on_each!(db, conn => row.select(Row::as_select()).first(conn).optional())?)
}

fn forget_expired(tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
    let expired = idempotency_keys::table
        .filter(idempotency_keys::expires_at.le(now))
        .select(idempotency_keys::id)
        .limit(FORGOTTEN_AT_ONCE);
    let expired: Vec<String> = on_each!(tx, conn => expired.load(conn))?;
    if !expired.is_empty() {
        let expired = idempotency_keys::table.filter(idempotency_keys::id.eq_any(&expired));
        on_each!(tx, conn => diesel::delete(expired).execute(conn))?;
    }
    Ok(())
}

fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt(format!("a stored answer: {error}"))
}

// === impl Key ===

impl Key {
    /// Claims the key for this process until the last clone of it is dropped.
    ///
    /// # Errors
    /// [`KeyError::InProgress`] when another request holds it.
    pub fn claim(id: String, fingerprint: String) -> Result<Self, KeyError> {
        let free = IN_FLIGHT.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        if free {
            Ok(Self { _in_flight: Arc::new(InFlight(id.clone())), id, fingerprint })
        } else {
            Err(KeyError::InProgress)
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        IN_FLIGHT.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

// === impl Answer ===

impl Answer {
    /// An answer with a JSON body.
    ///
    /// # Errors
    /// When the value has no JSON form.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, StoreError> {
        let body = serde_json::to_string(body).map_err(unreadable)?;
        Ok(Self { status: status.as_u16(), headers: Vec::new(), body, replayed: false })
    }

    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status: status.as_u16(), headers: Vec::new(), body: String::new(), replayed: false }
    }

    /// The same answer with one more header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same answer, replayed or not, with what its resource has become since.
    ///
    /// # Errors
    /// When the value has no JSON form.
    pub fn refreshed(self, body: &impl Serialize) -> Result<Self, StoreError> {
        Ok(Self { body: serde_json::to_string(body).map_err(unreadable)?, ..self })
    }

    /// The body's text.
    pub fn body(&self) -> &str {
        &self.body
    }

    fn replay(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            status: u16::try_from(row.status).unwrap_or(500),
            headers: serde_json::from_str(&row.headers).map_err(unreadable)?,
            body: row.body,
            replayed: true,
        })
    }
}

impl Responder for Answer {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponseBuilder::new(status);
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                response.append_header((name, value));
            }
        }
        if self.replayed {
            response.append_header(("idempotency-replayed", "true"));
        }
        if self.body.is_empty() {
            return response.finish();
        }
        response.content_type("application/json").body(self.body)
    }
}

// === impl KeyError ===

impl Coded for KeyError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Reused => ErrorCode::IdempotencyKeyReused,
            Self::InProgress => ErrorCode::IdempotencyInProgress,
        }
    }
}

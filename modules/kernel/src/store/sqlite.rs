//! Connections to a SQLite file.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::ConnectionError;
use diesel::sql_types::Text;

use super::{OpenError, fence};

/// `busy_timeout` comes first: switching to WAL itself takes a lock that another process may hold.
const EVERY_CONNECTION: &str = "\
    PRAGMA busy_timeout = 5000;\
    PRAGMA journal_mode = WAL;\
    PRAGMA synchronous = FULL;\
    PRAGMA foreign_keys = ON;\
    PRAGMA recursive_triggers = ON;\
    PRAGMA temp_store = MEMORY;\
    PRAGMA cache_size = -4000;";

/// The epoch in which a store begins.
const FIRST: u64 = 1;

/// Files up to this size are checked in full when they are opened; it takes some milliseconds.
const CHECKED_IN_FULL: u64 = 16 << 20;

#[derive(QueryableByName)]
struct Verdict {
    #[diesel(sql_type = Text)]
    quick_check: String,
}

/// Opens the file for writing in `epoch`, and looks whether it is a sound database, unless it is known to be. Creates it in the
/// first epoch: in a later one there has been a store, and an empty one in its place would be a loss that nobody notices.
///
/// The file is never opened but by SQLite: whoever closes a file gives up all locks that the process holds on it (POSIX), also
/// those of SQLite's other connections, and then another process may take it for unused and remove the log under them.
pub(super) fn open_writer(path: &Path, epoch: u64, known: bool) -> Result<SqliteConnection, OpenError> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory).map_err(|error| not_writable(directory, &error))?;
    }
    let existing = std::fs::metadata(path).map(|meta| meta.len()).ok();
    if existing.is_some() {
        // SQLite opens a file it may not write as read-only and only fails at the first write.
        rustix::fs::access(path, rustix::fs::Access::WRITE_OK)
            .map_err(|error| not_writable(path, &error.into()))?;
    } else if epoch > FIRST {
        let reason = format!("it is not there, and it must be: the module is in epoch {epoch}");
        return Err(OpenError::Unreachable { url: path.display().to_string(), reason });
    }
    let opened = match existing {
        Some(_) => connect(path, epoch),
        None => create(path, epoch),
    };
    let mut connection = opened.map_err(|error| unopened(path, &error.to_string()))?;
    let checked = existing.is_some_and(|length| length > 0 && length <= CHECKED_IN_FULL);
    if checked && !known {
        let verdict = diesel::sql_query("PRAGMA quick_check(1)")
            .get_result::<Verdict>(&mut connection)
            .map_err(|error| damaged(path, error))?;
        if verdict.quick_check != "ok" {
            return Err(damaged(path, verdict.quick_check));
        }
    }
    Ok(connection)
}

/// Opens a connection that cannot write.
pub(super) fn open_reader(path: &Path) -> Result<SqliteConnection, ConnectionError> {
    let mut connection = establish(path, "rw")?;
    connection.batch_execute("PRAGMA query_only = ON").map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Opens a connection that may write in `epoch`, without looking at the file, which must exist.
pub(super) fn connect(path: &Path, epoch: u64) -> Result<SqliteConnection, ConnectionError> {
    connect_in(path, epoch, "rw")
}

fn create(path: &Path, epoch: u64) -> Result<SqliteConnection, ConnectionError> {
    connect_in(path, epoch, "rwc")
}

fn connect_in(path: &Path, epoch: u64, mode: &str) -> Result<SqliteConnection, ConnectionError> {
    let mut connection = establish(path, mode)?;
    fence::present(&mut connection, epoch).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// `mode` as in SQLite's URIs: whether a file that does not exist is created.
fn establish(path: &Path, mode: &str) -> Result<SqliteConnection, ConnectionError> {
    let path = path.to_str().ok_or_else(|| {
        ConnectionError::BadConnection("the path of a store must be valid UTF-8".to_owned())
    })?;
    let escaped = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let mut connection = SqliteConnection::establish(&format!("file:{escaped}?mode={mode}"))?;
    connection.batch_execute(EVERY_CONNECTION).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

fn not_writable(path: &Path, error: &std::io::Error) -> OpenError {
    OpenError::NotWritable { path: path.display().to_string(), reason: error.to_string() }
}

/// Tells a file that cannot be used now from one that is no good.
fn unopened(path: &Path, reason: &str) -> OpenError {
    let told = |text: &str| reason.contains(text);
    let path = path.display().to_string();
    if told("database is locked") {
        let reason = "another program keeps the file locked".to_owned();
        OpenError::Unreachable { url: path, reason }
    } else if told("unable to open") || told("readonly") {
        OpenError::NotWritable { path, reason: reason.to_owned() }
    } else {
        OpenError::Damaged { path, reason: reason.to_owned() }
    }
}

fn damaged(path: &Path, reason: impl std::fmt::Display) -> OpenError {
    OpenError::Damaged { path: path.display().to_string(), reason: reason.to_string() }
}

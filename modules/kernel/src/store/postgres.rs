//! Connections to a PostgreSQL server.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::ConnectionError;

use super::{OpenError, StoreUrl};

/// Connects, and creates the module's schema when it does not exist. The connection holds the lock under which a module's schema
/// is made and changed, until it is closed.
pub(super) fn open_with_schema(url: &str, module: &str) -> Result<PgConnection, OpenError> {
    let unreachable = |reason: String| OpenError::Unreachable {
        url: StoreUrl::Postgres(url.to_owned()).to_string(),
        reason,
    };
    let mut connection = PgConnection::establish(url).map_err(|error| unreachable(error.to_string()))?;
    // The quotes matter: `user` is a reserved word.
    connection
        .batch_execute(&format!(
            "SELECT pg_advisory_lock(hashtext('banyan schema {module}')); \
             CREATE SCHEMA IF NOT EXISTS \"{module}\""
        ))
        .and_then(|()| set_schema(&mut connection, module))
        .map_err(|error| unreachable(error.to_string()))?;
    Ok(connection)
}

/// Connects to the module's schema.
pub(super) fn open(url: &str, module: &str) -> Result<PgConnection, ConnectionError> {
    let mut connection = PgConnection::establish(url)?;
    set_schema(&mut connection, module).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

fn set_schema(connection: &mut PgConnection, module: &str) -> QueryResult<()> {
    connection.batch_execute(&format!(
        "SET search_path TO \"{module}\"; SET client_min_messages TO warning; SET lock_timeout TO '5s'"
    ))
}

//! Fresh stores, and one test for every engine.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use kernel::store::StoreUrl;
use tempfile::TempDir;

/// Names a PostgreSQL server on which tests may create databases, as a libpq URL. `tests/run` starts one and sets it.
pub const POSTGRES_VARIABLE: &str = "BANYAN_TEST_POSTGRES";

/// A place for a store that nothing has used. Dropping it deletes what lies there.
#[derive(Debug)]
pub struct TestStore {
    url: StoreUrl,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Kept only to be deleted when the test ends.
    Directory {
        _directory: TempDir,
    },
    Database {
        server: String,
        name: String,
    },
}

/// Defines tests that run on SQLite (`sqlite::NAME`) and on PostgreSQL (`postgres::NAME`, ignored unless asked for). Each run
/// gets the URL of a fresh store. One use per Rust module.
///
/// ```text
/// on_every_engine! {
///     async fn a_new_user_is_found(url: StoreUrl) {
///         let store = open(url);
///         // …
///     }
/// }
/// ```
#[macro_export]
macro_rules! on_every_engine {
    ($($(#[$meta:meta])* async fn $name:ident($url:ident: $type:ty) $body:block)+) => {
        $(
            #[cfg(test)] // Also tells lints that this is a test.
            $(#[$meta])*
            async fn $name($url: $type) $body
        )+

        #[cfg(test)]
        mod sqlite {
            $(
                #[tokio::test]
                async fn $name() {
                    let store = $crate::engine::TestStore::sqlite();
                    super::$name(store.url()).await;
                }
            )+
        }

        #[cfg(test)]
        mod postgres {
            $(
                #[tokio::test]
                #[ignore = "needs PostgreSQL: tests/run starts one"]
                async fn $name() {
                    let store = $crate::engine::TestStore::postgres();
                    super::$name(store.url()).await;
                }
            )+
        }
    };
}

// === impl TestStore ===

impl TestStore {
    /// A file in a directory of its own.
    ///
    /// # Panics
    /// When the directory cannot be made.
    pub fn sqlite() -> Self {
        let directory = TempDir::with_prefix("banyan-store-").expect("a temporary directory can be made");
        let url = StoreUrl::Sqlite(directory.path().join("store.db"));
        Self { url, place: Place::Directory { _directory: directory } }
    }

    /// A database of its own on the server that [`POSTGRES_VARIABLE`] names. Blocks.
    ///
    /// # Panics
    /// When the variable is not set, or the server refuses.
    pub fn postgres() -> Self {
        let server = std::env::var(POSTGRES_VARIABLE).unwrap_or_else(|_unset| {
            panic!("{POSTGRES_VARIABLE} is not set, and this test needs PostgreSQL: run tests/run")
        });
        let name = unique_name();
        let url = StoreUrl::Postgres(with_database(&server, &name));
        // `template0`, because a session on the default template would be in the way.
        execute(&server, &format!("CREATE DATABASE {name} TEMPLATE template0"))
            .unwrap_or_else(|error| panic!("no test database: {error}"));
        Self { url, place: Place::Database { server, name } }
    }

    /// Where the store is. The place lives as long as `self`.
    pub fn url(&self) -> StoreUrl {
        self.url.clone()
    }
}

impl Drop for TestStore {
    fn drop(&mut self) {
        if let Place::Database { server, name } = &self.place {
            // FORCE ends the connections of pools that are still closing. What fails here fails no test: the server is
            // temporary.
            let _dropped = execute(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

fn execute(server: &str, sql: &str) -> Result<(), Box<dyn std::error::Error>> {
    Ok(PgConnection::establish(server)?.batch_execute(sql)?)
}

/// A name that no other test of this or another process uses.
fn unique_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Process ids come round again on a server that stays.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    format!("test_{now}_{}_{number}", std::process::id())
}

/// The libpq URL `server` with another database.
fn with_database(server: &str, name: &str) -> String {
    let (address, parameters) = server
        .split_once('?')
        .map_or((server, String::new()), |(address, rest)| (address, format!("?{rest}")));
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let authority = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{authority}/{name}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_is_replaced() {
        for (server, wanted) in [
            ("postgres://postgres@/postgres?host=/tmp/x", "postgres://postgres@/t?host=/tmp/x"),
            ("postgresql://u:p@db.example:5432/shop", "postgresql://u:p@db.example:5432/t"),
            ("postgres://db.example", "postgres://db.example/t"),
        ] {
            assert_eq!(with_database(server, "t"), wanted);
        }
    }

    #[test]
    fn a_fresh_sqlite_store_is_a_file_that_is_not_there_yet_and_its_directory_goes_with_it() {
        let store = TestStore::sqlite();
        let StoreUrl::Sqlite(path) = store.url() else { panic!("not SQLite: {}", store.url()) };
        let directory = path.parent().unwrap().to_owned();
        assert!(directory.is_dir() && !path.exists());
        drop(store);
        assert!(!directory.exists());
    }

    mod on_each_engine {
        use diesel::connection::SimpleConnection;
        use diesel::{Connection, PgConnection};
        use kernel::store::StoreUrl;

        crate::on_every_engine! {
            async fn a_fresh_store_is_empty(url: StoreUrl) {
                match url {
                    StoreUrl::Sqlite(path) => assert!(!path.exists()),
                    StoreUrl::Postgres(url) => {
                        let mut connection = PgConnection::establish(&url).unwrap();
                        connection.batch_execute("CREATE TABLE taken ()").unwrap();
                    }
                }
            }

            async fn and_another_test_has_another(url: StoreUrl) {
                super::on_each_engine::a_fresh_store_is_empty(url).await;
            }
        }
    }
}

//! One module's database.
//!
//! A [`Store`] is opened from a [`StoreUrl`] and the module's [`Migrations`]. Reads run on a pool of connections that cannot
//! write; writes run one at a time, in the order they came (SQLite: one writer thread that commits several of them with one
//! fsync; PostgreSQL: `SERIALIZABLE`, retried), so that a module's rules may be written as if it were alone.
//!
//! Queries are written once, in diesel's DSL, inside [`on_each!`](crate::on_each).

mod db;
mod error;
mod lanes;
mod meta;
mod migrate;
mod pool;
mod postgres;
mod sqlite;
mod url;
mod writer;

use std::sync::Arc;
use std::time::Duration;

pub use db::{AsDb, Db, Tx};
pub use error::{OpenError, StoreError};
pub use migrate::Migrations;
pub use url::{InvalidStoreUrl, StoreUrl};

use lanes::Lanes;
use writer::Writer;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Where it is.
    pub url: StoreUrl,
    /// Connections for reading (and, on PostgreSQL, as many again for writing).
    pub connections: u32,
    /// Most reads or writes that may wait; one more is refused as [`StoreError::Busy`].
    pub queue: usize,
    /// Longest that a read or write waits for its turn.
    pub patience: Duration,
}

/// One module's database. Clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    module: &'static str,
    url: StoreUrl,
    readers: Lanes,
    writer: Writer,
    cursor_key: [u8; 32],
}

// === impl StoreSettings ===

impl StoreSettings {
    /// Defaults for the store at `url`.
    pub fn new(url: StoreUrl) -> Self {
        Self { url, connections: 4, queue: 1024, patience: Duration::from_secs(5) }
    }
}

// === impl Store ===

impl Store {
    /// Opens the store, creating it when it does not exist, and brings its schema up to date. Blocks.
    ///
    /// # Errors
    /// Says what is wrong with the store; nothing in it has been changed then.
    pub fn open(settings: &StoreSettings, migrations: &Migrations) -> Result<Self, OpenError> {
        let mut connection = match &settings.url {
            StoreUrl::Sqlite(path) => Db::Sqlite(sqlite::open_writer(path)?),
            StoreUrl::Postgres(url) => Db::Postgres(postgres::open_with_schema(url, migrations.module)?),
        };
        migrate::run(&mut connection, &settings.url, migrations)?;
        let cursor_key = meta::cursor_key(&mut connection)
            .map_err(|source| OpenError::Unusable { url: settings.url.to_string(), source })?;
        let readers = Lanes::open(settings, migrations.module)?;
        let writer = match connection {
            Db::Sqlite(connection) => Writer::sqlite(connection, migrations.module, settings)?,
            Db::Postgres(_) => Writer::postgres(settings, migrations.module)?,
        };
        let inner =
            Inner { module: migrations.module, url: settings.url.clone(), readers, writer, cursor_key };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Name of the module whose store this is.
    pub fn module(&self) -> &'static str {
        self.inner.module
    }

    /// Where the store is.
    pub fn url(&self) -> &StoreUrl {
        &self.inner.url
    }

    /// Secret of this store, the same for every process that opens it: authenticates page cursors and the like.
    pub fn secret(&self) -> &[u8; 32] {
        &self.inner.cursor_key
    }

    /// Runs `query` on a connection that cannot write. Each statement sees the newest committed state.
    ///
    /// # Errors
    /// What `query` returns, or [`StoreError::Busy`] when no connection became free in time.
    pub async fn read<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: FnOnce(&mut Db) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        db::refuse_nesting()?;
        self.inner.readers.run(query).await
    }

    /// As [`Store::read`], with every statement seeing one and the same state.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_snapshot<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: FnOnce(&mut Db) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.read(|db| {
            db.begin_snapshot()?;
            let result = query(db);
            db.rollback();
            result
        })
        .await
    }

    /// Runs `change` in one transaction: all of it is durable when this returns `Ok`, none of it when it returns `Err`
    /// (but for [`StoreError::Unknown`]). Transactions behave as if they ran one after another; `change` may be run again
    /// from the start, so it must not do anything but use its transaction.
    ///
    /// # Errors
    /// What `change` returns, or why it was not run.
    pub async fn write<T, E, F>(&self, change: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        db::refuse_nesting()?;
        self.inner.writer.run(change).await
    }

    /// Whether the store answers, and takes writes if the last ones failed.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(|db| db.ping()).await?;
        if self.inner.writer.is_failing() {
            // Perhaps it works again; only a write can tell.
            self.write(|_tx| Ok::<_, StoreError>(())).await?;
        }
        Ok(())
    }

    /// Finishes the writes that wait and closes the writer. Blocks. Later writes are refused.
    pub fn close(&self) {
        self.inner.writer.close();
    }
}

#[cfg(test)]
mod tests;

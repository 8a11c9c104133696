//! One module's database.
//!
//! A [`Store`] is opened from a [`StoreUrl`] and the module's [`Migrations`]. Reads run on a pool of connections that cannot
//! write; writes run one at a time, in the order they came (SQLite: one writer thread that commits several of them with one
//! fsync; PostgreSQL: `SERIALIZABLE`, retried), so that a module's rules may be written as if it were alone.
//!
//! Queries are written once, in diesel's DSL, inside [`on_each!`](crate::on_each).

mod db;
mod error;
mod fence;
mod lanes;
mod meta;
mod migrate;
mod pool;
mod postgres;
mod sqlite;
mod url;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;

pub use db::{AsDb, Db, Tx};
pub use error::{OpenError, StoreError};
pub use migrate::Migrations;
pub use url::{InvalidStoreUrl, StoreUrl};

use lanes::Lanes;
use writer::Writer;

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Where it is; `None` if that is told later, with [`Store::attach`].
    pub place: Option<Place>,
    /// Connections for reading (and, on PostgreSQL, as many again for writing).
    pub connections: u32,
    /// Most reads or writes that may wait; one more is refused as [`StoreError::Busy`].
    pub queue: usize,
    /// Longest that a read or write waits for its turn.
    pub patience: Duration,
}

/// Where a store is, and in which epoch it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where.
    pub url: StoreUrl,
    /// The period of ownership that its connections present. In another one they cannot write.
    pub epoch: u64,
}

/// One module's database. Clones share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    settings: StoreSettings,
    migrations: &'static Migrations,
    attached: ArcSwapOption<Attached>,
    /// Stands in for the store's while it is nowhere.
    own_secret: [u8; 32],
    /// Whoever attaches or detaches holds it.
    changing: Mutex<()>,
}

/// A store that is open somewhere.
struct Attached {
    place: Place,
    readers: Lanes,
    writer: Writer,
    secret: [u8; 32],
}

// === impl StoreSettings ===

impl StoreSettings {
    /// Defaults for the store at `url`, in the first epoch.
    pub fn new(url: StoreUrl) -> Self {
        Self { place: Some(Place { url, epoch: 1 }), ..Self::nowhere() }
    }

    /// Defaults for a store that is attached later.
    pub fn nowhere() -> Self {
        Self { place: None, connections: 4, queue: 1024, patience: Duration::from_secs(5) }
    }
}

// === impl Attached ===

impl Attached {
    /// `known`: this process has it open already, in another epoch.
    fn open(
        place: Place,
        settings: &StoreSettings,
        migrations: &Migrations,
        known: bool,
    ) -> Result<Self, OpenError> {
        let module = migrations.module;
        let mut connection = match &place.url {
            StoreUrl::Sqlite(path) => Db::Sqlite(sqlite::open_writer(path, place.epoch, known)?),
            StoreUrl::Postgres(url) => Db::Postgres(postgres::open_with_schema(url, module)?),
        };
        migrate::run(&mut connection, &place, migrations)?;
        let secret = meta::cursor_key(&mut connection)
            .map_err(|source| OpenError::Unusable { url: place.url.to_string(), source })?;
        let readers = Lanes::open(module, &place, settings)?;
        let writer = match connection {
            Db::Sqlite(connection) => Writer::sqlite(connection, module, &place, settings)?,
            Db::Postgres(_) => Writer::postgres(module, &place, settings)?,
        };
        Ok(Self { place, readers, writer, secret })
    }
}

// === impl Store ===

impl Store {
    /// Opens the store, creating it when it does not exist, and brings its schema up to date. Without a place it waits for
    /// [`Store::attach`]. Blocks.
    ///
    /// # Errors
    /// Says what is wrong with the store; nothing in it has been changed then.
    pub fn open(settings: &StoreSettings, migrations: &'static Migrations) -> Result<Self, OpenError> {
        let place = settings.place.clone();
        let attached = place.map(|place| Attached::open(place, settings, migrations, false)).transpose()?;
        let inner = Inner {
            settings: settings.clone(),
            migrations,
            attached: ArcSwapOption::new(attached.map(Arc::new)),
            own_secret: meta::fresh_secret()
                .map_err(|source| OpenError::Unusable { url: migrations.module.to_owned(), source })?,
            changing: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens the store at `place` and uses it from now on; what was begun at another place ends there. Blocks.
    ///
    /// # Errors
    /// As [`Store::open`]; then everything stays as it was.
    pub fn attach(&self, place: Place) -> Result<(), OpenError> {
        let _one_at_a_time = self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.place().as_ref() == Some(&place) {
            return Ok(());
        }
        let known = self.place().is_some_and(|before| before.url == place.url);
        let attached = Attached::open(place, &self.inner.settings, self.inner.migrations, known)?;
        if let Some(before) = self.inner.attached.swap(Some(Arc::new(attached))) {
            if known { before.writer.hand_over() } else { before.writer.close() }
        }
        Ok(())
    }

    /// Name of the module whose store this is.
    pub fn module(&self) -> &'static str {
        self.inner.migrations.module
    }

    /// Where the store is; `None` while it is nowhere.
    pub fn place(&self) -> Option<Place> {
        self.inner.attached.load().as_ref().map(|attached| attached.place.clone())
    }

    /// Secret of this store, the same for every process that opens it: authenticates page cursors and the like. While the store
    /// is nowhere it is one that nobody else has.
    pub fn secret(&self) -> [u8; 32] {
        self.inner.attached.load().as_ref().map_or(self.inner.own_secret, |attached| attached.secret)
    }

    fn attached(&self) -> Result<Arc<Attached>, StoreError> {
        self.inner.attached.load_full().ok_or(StoreError::Closed)
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
        self.attached()?.readers.run(query).await
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
        self.attached()?.writer.run(change).await
    }

    /// Whether the store answers, and takes writes if the last ones failed.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.read(|db| db.ping()).await?;
        if self.attached()?.writer.is_failing() {
            // Perhaps it works again; only a write can tell.
            self.write(|_tx| Ok::<_, StoreError>(())).await?;
        }
        Ok(())
    }

    /// As [`Store::close`], if the store is still at `place`.
    pub fn close_at(&self, place: &Place) {
        let _one_at_a_time = self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.place().as_ref() == Some(place)
            && let Some(before) = self.inner.attached.swap(None)
        {
            before.writer.close();
        }
    }

    /// Finishes the writes that wait and closes the store: it is nowhere then. Blocks.
    pub fn close(&self) {
        let _one_at_a_time = self.inner.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = self.inner.attached.swap(None) {
            before.writer.close();
        }
    }
}

#[cfg(test)]
mod tests;

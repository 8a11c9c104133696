//! The pool of connections that read.

use diesel::connection::SimpleConnection;
use diesel::r2d2::R2D2Connection;
use diesel::result::ConnectionError;

use super::turns::{Turn, Turns};
use super::{Db, OpenError, StoreError, StoreSettings, StoreUrl, postgres, sqlite};

/// Makes pooled connections; tells the true cause when it cannot.
pub(super) struct Manager {
    url: StoreUrl,
    module: &'static str,
}

/// The pool, and the queue in front of it.
pub(super) struct Readers {
    pool: r2d2::Pool<Manager>,
    turns: Turns,
}

// === impl Manager ===

impl Manager {
    pub(super) fn new(url: StoreUrl, module: &'static str) -> Self {
        Self { url, module }
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Db;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Db, ConnectionError> {
        match &self.url {
            StoreUrl::Sqlite(path) => sqlite::open_reader(path).map(Db::Sqlite),
            StoreUrl::Postgres(url) => postgres::open(url, self.module).map(Db::Postgres),
        }
    }

    fn is_valid(&self, db: &mut Db) -> Result<(), ConnectionError> {
        crate::on_each!(db, conn => conn.batch_execute("SELECT 1"))
            .map_err(ConnectionError::CouldntSetupConfiguration)
    }

    fn has_broken(&self, db: &mut Db) -> bool {
        crate::on_each!(db, conn => conn.is_broken())
    }
}

/// A pool whose connections are made when they are first needed and checked only where a connection can die unseen.
pub(super) fn pool(settings: &StoreSettings, module: &'static str) -> Result<r2d2::Pool<Manager>, OpenError> {
    r2d2::Pool::builder()
        .max_size(settings.connections)
        .min_idle(Some(1))
        .connection_timeout(settings.patience)
        .test_on_check_out(matches!(settings.url, StoreUrl::Postgres(_)))
        .build(Manager::new(settings.url.clone(), module))
        .map_err(|error| OpenError::Unreachable { url: settings.url.to_string(), reason: error.to_string() })
}

// === impl Readers ===

impl Readers {
    pub(super) fn open(settings: &StoreSettings, module: &'static str) -> Result<Self, OpenError> {
        Ok(Self { pool: pool(settings, module)?, turns: Turns::new(settings) })
    }

    pub(super) async fn run<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: FnOnce(&mut Db) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let Turn { _place, connection: turn } = self.turns.wait().await?;
        let pool = self.pool.clone();
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let mut db = pool.get().map_err(|error| E::from(StoreError::Unreachable(error.to_string())))?;
            query(&mut db)
        });
        match read.await {
            Ok(result) => result,
            Err(_panicked) => Err(StoreError::Panicked.into()),
        }
    }
}

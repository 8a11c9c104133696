//! The pool of connections behind the [lanes](super::lanes).

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::r2d2::R2D2Connection;
use diesel::result::ConnectionError;
use scheduled_thread_pool::ScheduledThreadPool;

use super::{Db, OpenError, Place, StoreSettings, StoreUrl, postgres, sqlite};

/// Makes pooled connections; tells the true cause when it cannot.
pub(super) struct Manager {
    url: StoreUrl,
    module: &'static str,
}

pub(super) type Pool = r2d2::Pool<Manager>;

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
        is_broken(db)
    }
}

/// Whether the connection is of no use any more.
pub(super) fn is_broken(db: &mut Db) -> bool {
    crate::on_each!(db, conn => conn.is_broken())
}

/// A pool whose connections are made when they are first needed and checked only where a connection can die unseen.
pub(super) fn open(module: &'static str, place: &Place, settings: &StoreSettings) -> Result<Pool, OpenError> {
    // One opens connections, a few times in its life; r2d2 would keep three. Of its own, so that a database that hangs holds up
    // no other.
    let opener = ScheduledThreadPool::builder().num_threads(1).thread_name_pattern("store-opener");
    r2d2::Pool::builder()
        .thread_pool(Arc::new(opener.build()))
        .max_size(settings.connections)
        .min_idle(Some(1))
        .connection_timeout(settings.patience)
        .test_on_check_out(matches!(place.url, StoreUrl::Postgres(_)))
        .build(Manager { url: place.url.clone(), module })
        .map_err(|error| OpenError::Unreachable { url: place.url.to_string(), reason: error.to_string() })
}

//! Bringing a store's schema up to date.

use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{Db, OpenError, Place, fence};

const KERNEL_SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/kernel/sqlite");
const KERNEL_POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/kernel/postgres");

/// The kernel's migration since which a store has an owner.
const OWNED_SINCE: &str = "20261125000003";

/// A module's embedded migrations. The kernel's own tables come with every store.
pub struct Migrations {
    /// Name of the module; on PostgreSQL also of its schema.
    pub module: &'static str,
    /// For SQLite.
    pub sqlite: EmbeddedMigrations,
    /// For PostgreSQL.
    pub postgres: EmbeddedMigrations,
    /// Whether the store changes hands, so that every write of it must show its epoch.
    pub fenced: bool,
}

/// Runs what is pending: all of it or, on failure, nothing. Two processes that open one new store do it one after the other: on
/// SQLite by the write lock of one transaction, on PostgreSQL by the lock that the connection was opened with.
pub(super) fn run(db: &mut Db, place: &Place, migrations: &Migrations) -> Result<(), OpenError> {
    let run = Run { place, migrations };
    db.begin_migrations().map_err(|error| OpenError::Unreachable {
        url: place.url.to_string(),
        reason: format!("{error}; another program may keep it locked"),
    })?;
    let done = run.inside(db);
    let ended = match &done {
        Ok(()) => db.commit().map_err(|error| run.failed(error.into())),
        Err(_) => {
            db.rollback();
            Ok(())
        }
    };
    done.and(ended)
}

struct Run<'a> {
    place: &'a Place,
    migrations: &'a Migrations,
}

impl Run<'_> {
    fn failed(&self, reason: Box<dyn std::error::Error + Send + Sync>) -> OpenError {
        OpenError::Migration {
            module: self.migrations.module,
            url: self.place.url.to_string(),
            reason: reason.to_string(),
        }
    }

    fn inside(&self, db: &mut Db) -> Result<(), OpenError> {
        let migrations = self.migrations;
        let (known, applied) = match db {
            Db::Sqlite(conn) => (
                [versions::<Sqlite>(&KERNEL_SQLITE), versions::<Sqlite>(&migrations.sqlite)],
                conn.applied_migrations(),
            ),
            Db::Postgres(conn) => (
                [versions::<Pg>(&KERNEL_POSTGRES), versions::<Pg>(&migrations.postgres)],
                conn.applied_migrations(),
            ),
        };
        let known = known.into_iter().flatten().collect::<Vec<_>>();
        let applied: Vec<String> =
            applied.map_err(|error| self.failed(error))?.iter().map(ToString::to_string).collect();
        if let Some(newer) = applied.iter().find(|version| !known.contains(version)) {
            return Err(OpenError::Newer {
                module: migrations.module,
                url: self.place.url.to_string(),
                found: newer.clone(),
                known: known.iter().max().cloned().unwrap_or_default(),
            });
        }
        let pending = known.iter().any(|version| !applied.contains(version));
        if !self.may_change(db, &applied, pending)? {
            return Ok(());
        }
        match db {
            Db::Sqlite(conn) => [&KERNEL_SQLITE, &migrations.sqlite]
                .into_iter()
                .try_for_each(|set| apply(conn.run_pending_migrations(ByRef(set))))
                .and_then(|()| if migrations.fenced { Ok(fence::put_up(conn)?) } else { Ok(()) }),
            Db::Postgres(conn) => [&KERNEL_POSTGRES, &migrations.postgres]
                .into_iter()
                .try_for_each(|set| apply(conn.run_pending_migrations(ByRef(set)))),
        }
        .map_err(|error| self.failed(error))
    }

    /// Whether the store is this process's to change. One that is about to become so may be opened as it is, if nothing in it
    /// must be changed; one that has another owner already may not.
    fn may_change(&self, db: &mut Db, applied: &[String], pending: bool) -> Result<bool, OpenError> {
        if !applied.iter().any(|version| version == OWNED_SINCE) {
            return Ok(true);
        }
        let owned = fence::read(db)
            .map_err(|source| OpenError::Unusable { url: self.place.url.to_string(), source })?;
        let mine = owned.epoch == self.place.epoch && !owned.sealed;
        if owned.epoch > self.place.epoch || (pending && !mine) {
            return Err(OpenError::Fenced {
                module: self.migrations.module,
                url: self.place.url.to_string(),
                found: owned.epoch,
                epoch: self.place.epoch,
            });
        }
        Ok(mine)
    }
}

fn apply<T>(
    outcome: diesel::migration::Result<Vec<T>>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    outcome.map(drop)
}

fn versions<B: diesel::backend::Backend>(set: &EmbeddedMigrations) -> Vec<String> {
    MigrationSource::<B>::migrations(set)
        .unwrap_or_default()
        .iter()
        .map(|migration| MigrationVersion::to_string(&migration.name().version()))
        .collect()
}

/// Lets one set be used without being given away.
struct ByRef<'a>(&'a EmbeddedMigrations);

impl<B: diesel::backend::Backend> MigrationSource<B> for ByRef<'_> {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<B>>>> {
        self.0.migrations()
    }
}

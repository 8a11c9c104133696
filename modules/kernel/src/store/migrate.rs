//! Bringing a store's schema up to date.

use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{Db, OpenError, StoreUrl};

const KERNEL_SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/kernel/sqlite");
const KERNEL_POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/kernel/postgres");

/// A module's embedded migrations. The kernel's own tables come with every store.
pub struct Migrations {
    /// Name of the module; on PostgreSQL also of its schema.
    pub module: &'static str,
    /// For SQLite.
    pub sqlite: EmbeddedMigrations,
    /// For PostgreSQL.
    pub postgres: EmbeddedMigrations,
}

/// Runs what is pending: all of it or, on failure, nothing. Two processes that open one new store do it one after the other: on
/// SQLite by the write lock of one transaction, on PostgreSQL by the lock that the connection was opened with.
pub(super) fn run(db: &mut Db, url: &StoreUrl, migrations: &Migrations) -> Result<(), OpenError> {
    let failed = |reason: Box<dyn std::error::Error + Send + Sync>| OpenError::Migration {
        module: migrations.module,
        url: url.to_string(),
        reason: reason.to_string(),
    };
    db.begin_migrations().map_err(|error| OpenError::Unreachable {
        url: url.to_string(),
        reason: format!("{error}; another program may keep it locked"),
    })?;
    let done = run_inside(db, url, migrations, &failed);
    let ended = match &done {
        Ok(()) => db.commit().map_err(|error| failed(error.into())),
        Err(_) => {
            db.rollback();
            Ok(())
        }
    };
    done.and(ended)
}

fn run_inside(
    db: &mut Db,
    url: &StoreUrl,
    migrations: &Migrations,
    failed: &impl Fn(Box<dyn std::error::Error + Send + Sync>) -> OpenError,
) -> Result<(), OpenError> {
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
    let applied = applied.map_err(failed)?;
    if let Some(newer) = applied.iter().find(|version| !known.contains(&version.to_string())) {
        return Err(OpenError::Newer {
            module: migrations.module,
            url: url.to_string(),
            found: newer.to_string(),
            known: known.iter().max().cloned().unwrap_or_default(),
        });
    }
    match db {
        Db::Sqlite(conn) => [&KERNEL_SQLITE, &migrations.sqlite]
            .into_iter()
            .try_for_each(|set| apply(conn.run_pending_migrations(ByRef(set)))),
        Db::Postgres(conn) => [&KERNEL_POSTGRES, &migrations.postgres]
            .into_iter()
            .try_for_each(|set| apply(conn.run_pending_migrations(ByRef(set)))),
    }
    .map_err(failed)
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

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use super::*;
use crate::on_each;
use crate::schema::store_meta;

// The kernel's own tables are enough of a schema to test stores with.
const NONE: EmbeddedMigrations = embed_migrations!("../../migrations/kernel/sqlite");

fn migrations(module: &'static str) -> &'static Migrations {
    Box::leak(Box::new(Migrations { module, sqlite: NONE, postgres: NONE, fenced: true }))
}

fn open(directory: &tempfile::TempDir, module: &'static str) -> Result<Store, OpenError> {
    let url = StoreUrl::Sqlite(directory.path().join(format!("{module}.db")));
    Store::open(&StoreSettings::new(url), migrations(module))
}

fn put(tx: &mut Tx<'_>, name: &str) -> Result<usize, StoreError> {
    let row = (store_meta::name.eq(name), store_meta::value.eq("x"));
    Ok(on_each!(tx, conn => diesel::insert_into(store_meta::table).values(&row).execute(conn))?)
}

async fn names(store: &Store) -> Vec<String> {
    store
        .read(|db| {
            let names = store_meta::table
                .select(store_meta::name)
                .filter(store_meta::name.ne("cursor_key"))
                .order(store_meta::name);
            Ok::<_, StoreError>(on_each!(db, conn => names.load::<String>(conn))?)
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn writes_in_one_batch_succeed_and_fail_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&directory, "a").unwrap());
    let writes: Vec<_> = (0..200)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                store
                    .write(move |tx| {
                        put(tx, &format!("{n:03}"))?;
                        // Every third write inserts a row and then fails: the row must go, the neighbours' must stay.
                        if n % 3 == 0 { Err(StoreError::Corrupt("wanted".into())) } else { Ok(()) }
                    })
                    .await
            })
        })
        .collect();
    for (n, write) in writes.into_iter().enumerate() {
        assert_eq!(write.await.unwrap().is_ok(), n % 3 != 0, "{n}");
    }
    let expected: Vec<_> = (0..200).filter(|n| n % 3 != 0).map(|n| format!("{n:03}")).collect();
    assert_eq!(names(&store).await, expected);
}

#[tokio::test]
async fn a_panicking_write_leaves_nothing_and_the_writer_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory, "a").unwrap();
    let outcome: Result<(), StoreError> = store
        .write(|tx| {
            put(tx, "gone")?;
            panic!("wanted");
        })
        .await;
    assert!(matches!(outcome, Err(StoreError::Panicked)));
    store.write(|tx| put(tx, "kept")).await.unwrap();
    assert_eq!(names(&store).await, ["kept"]);
}

#[tokio::test]
async fn a_reading_connection_cannot_write() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory, "a").unwrap();
    let outcome: Result<(), StoreError> =
        store.read(|db| Ok(on_each!(db, conn => conn.batch_execute("DELETE FROM store_meta"))?)).await;
    assert!(matches!(outcome, Err(StoreError::Query(_))));
}

#[tokio::test]
async fn a_planted_transaction_over_two_stores_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (open(&directory, "a").unwrap(), open(&directory, "b").unwrap());
    let reached = second.clone();
    let runtime = tokio::runtime::Handle::current();
    let outcome: Result<usize, StoreError> = first
        .write(move |tx| {
            put(tx, "first")?;
            runtime.block_on(reached.write(|tx| put(tx, "second")))
        })
        .await;
    assert!(matches!(outcome, Err(StoreError::Nested)), "{outcome:?}");
    assert!(names(&first).await.is_empty() && names(&second).await.is_empty());
}

#[tokio::test]
async fn a_closed_store_has_finished_its_writes_and_takes_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory, "a").unwrap();
    store.write(|tx| put(tx, "kept")).await.unwrap();
    store.close();
    assert!(matches!(store.write(|tx| put(tx, "late")).await, Err(StoreError::Closed)));
    assert_eq!(std::fs::metadata(directory.path().join("a.db-wal")).map_or(0, |meta| meta.len()), 0);
}

#[test]
fn the_cursor_key_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(&directory, "a").unwrap().secret();
    assert_eq!(open(&directory, "a").unwrap().secret(), first);
}

#[test]
fn many_may_open_a_new_store_at_once() {
    let directory = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..6).map(|_| scope.spawn(|| open(&directory, "a").map(drop))).collect();
        for opened in opened {
            opened.join().unwrap().unwrap();
        }
    });
}

#[test]
fn a_store_from_a_newer_program_is_refused_and_left_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    open(&directory, "a").unwrap().close();
    let path = directory.path().join("a.db");
    SqliteConnection::establish(path.to_str().unwrap())
        .unwrap()
        .batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')")
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(open(&directory, "a"), Err(OpenError::Newer { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_store_is_refused_and_left_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    open(&directory, "a").unwrap().close();
    let path = directory.path().join("a.db");
    let mut bytes = std::fs::read(&path).unwrap();
    // The page after the schema's: the header still looks like a database.
    bytes[4096..8192].fill(0x5a);
    std::fs::write(&path, &bytes).unwrap();
    let error = open(&directory, "a").err().expect("damaged");
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);

    std::fs::write(&path, "this is a letter to my aunt".repeat(200)).unwrap();
    assert!(matches!(open(&directory, "a"), Err(OpenError::Damaged { .. })));
}

fn path_of(store: &Store) -> std::path::PathBuf {
    match store.place().map(|place| place.url) {
        Some(StoreUrl::Sqlite(path)) => path,
        _ => panic!("a file"),
    }
}

/// As a handover does: past every store, with nothing to present.
fn set_ownership(store: &Store, assignments: &str) {
    SqliteConnection::establish(path_of(store).to_str().unwrap())
        .unwrap()
        .batch_execute(&format!("UPDATE ownership SET {assignments}"))
        .unwrap();
}

#[tokio::test]
async fn who_presents_no_epoch_cannot_write_whatever_the_statement() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory, "a").unwrap();
    store.write(|tx| put(tx, "kept")).await.unwrap();
    let mut raw = SqliteConnection::establish(path_of(&store).to_str().unwrap()).unwrap();
    for statement in [
        "INSERT INTO store_meta VALUES ('x', 'y')",
        "INSERT OR REPLACE INTO store_meta VALUES ('kept', 'y')",
        "INSERT OR IGNORE INTO store_meta VALUES ('kept', 'y')",
        "UPDATE store_meta SET value = 'y'",
        "DELETE FROM store_meta",
        "DELETE FROM outbox",
        "INSERT INTO outbox VALUES (1, 'a', 'k', 'd', 0)",
    ] {
        let outcome = raw.batch_execute(statement);
        // A statement that touches no row fires no trigger, and changes nothing.
        if statement != "DELETE FROM outbox" {
            assert!(outcome.unwrap_err().to_string().contains("module_epoch"), "{statement}");
        }
    }
    assert_eq!(names(&store).await, ["kept"]);
}

#[tokio::test]
async fn a_sealed_store_takes_no_write_and_is_read_as_before() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory, "a").unwrap();
    store.write(|tx| put(tx, "kept")).await.unwrap();
    set_ownership(&store, "sealed = TRUE");
    let late = store.write(|tx| put(tx, "late")).await;
    assert!(matches!(late, Err(StoreError::Fenced { owner_epoch: 1 })), "{late:?}");
    // Not even one that decides only by what it reads.
    let seen = store.write(|_| Ok::<_, StoreError>(())).await;
    assert!(matches!(seen, Err(StoreError::Fenced { .. })), "{seen:?}");
    assert_eq!(names(&store).await, ["kept"]);
    set_ownership(&store, "sealed = FALSE");
    store.write(|tx| put(tx, "later")).await.unwrap();
}

#[tokio::test]
async fn a_process_of_an_earlier_epoch_reads_but_writes_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let stale = open(&directory, "a").unwrap();
    set_ownership(&stale, "epoch = 3");
    let late = stale.write(|tx| put(tx, "late")).await;
    assert!(matches!(late, Err(StoreError::Fenced { owner_epoch: 3 })), "{late:?}");
    assert!(names(&stale).await.is_empty());
    // Nor does it come back by being started again.
    assert!(matches!(open(&directory, "a"), Err(OpenError::Fenced { found: 3, epoch: 1, .. })));

    let place = Place { epoch: 3, ..stale.place().unwrap() };
    tokio::task::spawn_blocking({
        let stale = stale.clone();
        move || stale.attach(place)
    })
    .await
    .unwrap()
    .unwrap();
    stale.write(|tx| put(tx, "mine again")).await.unwrap();
}

#[tokio::test]
async fn the_fence_holds_inside_a_transaction_that_began_before() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory, "a").unwrap();
    // What the check at the beginning of a batch cannot see, the triggers do: here the epoch changes in the transaction itself.
    let outcome: Result<usize, StoreError> = store
        .write(|tx| {
            on_each!(tx, conn => conn.batch_execute("UPDATE ownership SET epoch = 9"))?;
            put(tx, "late")
        })
        .await;
    assert!(matches!(outcome, Err(StoreError::Fenced { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_store_that_is_nowhere_refuses_until_it_is_attached() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&StoreSettings::nowhere(), migrations("a")).unwrap();
    assert!(matches!(store.write(|tx| put(tx, "early")).await, Err(StoreError::Closed)));
    assert!(matches!(store.ping().await, Err(StoreError::Closed)));
    let before = store.secret();
    let place = Place { url: StoreUrl::Sqlite(directory.path().join("a.db")), epoch: 1 };
    tokio::task::spawn_blocking({
        let store = store.clone();
        move || store.attach(place)
    })
    .await
    .unwrap()
    .unwrap();
    store.write(|tx| put(tx, "kept")).await.unwrap();
    assert_ne!(store.secret(), before);
    assert_eq!(names(&store).await, ["kept"]);
}

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use super::*;
use crate::on_each;
use crate::schema::store_meta;

// The kernel's own tables are enough of a schema to test stores with.
const NONE: EmbeddedMigrations = embed_migrations!("../../migrations/kernel/sqlite");

fn migrations(module: &'static str) -> Migrations {
    Migrations { module, sqlite: NONE, postgres: NONE }
}

fn open(directory: &tempfile::TempDir, module: &'static str) -> Result<Store, OpenError> {
    let url = StoreUrl::Sqlite(directory.path().join(format!("{module}.db")));
    Store::open(&StoreSettings::new(url), &migrations(module))
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
    let first = *open(&directory, "a").unwrap().secret();
    assert_eq!(open(&directory, "a").unwrap().secret(), &first);
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

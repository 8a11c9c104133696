//! Who is late when the source is sealed.

use std::time::{Duration, Instant};

use rusqlite::ErrorCode;

use super::*;

#[test]
fn a_transaction_that_is_open_is_waited_for_and_is_part_of_the_position() {
    let mut stage = Stage::copied();
    stage.verify().unwrap();
    let writer = stage.source();
    writer.execute_batch("BEGIN IMMEDIATE; INSERT INTO numbered VALUES (50, 'before the seal')").unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let committing = std::thread::spawn(move || {
        // Until the seal waits for the lock, as far as can be seen from here.
        told.recv().unwrap();
        let until = Instant::now() + Duration::from_millis(100);
        while Instant::now() < until {
            std::thread::yield_now();
        }
        writer.execute_batch("COMMIT").unwrap();
        Instant::now()
    });
    tell.send(()).unwrap();
    let position = stage.pair.seal().unwrap();
    let sealed = Instant::now();
    assert!(committing.join().unwrap() <= sealed, "it was sealed under an open transaction");
    stage.pair.drain().unwrap();
    assert_eq!(stage.row(true).applied, Some(position));
    stage.pair.activate().unwrap();
    let there: String = owner(&stage.target_path(), 2)
        .query_row("SELECT text FROM numbered WHERE number = 50", [], |row| row.get(0))
        .unwrap();
    assert_eq!(there, "before the seal");
}

#[test]
fn a_transaction_that_only_read_before_the_seal_cannot_write_after_it() {
    let mut stage = Stage::copied();
    stage.verify().unwrap();
    let late = stage.source();
    late.execute_batch("BEGIN").unwrap();
    let before: i64 = late.query_row("SELECT count(*) FROM numbered", [], |row| row.get(0)).unwrap();
    stage.pair.seal().unwrap();
    let began = Instant::now();
    let refused = late.execute("INSERT INTO numbered VALUES (51, 'late')", []).unwrap_err();
    assert_eq!(refused.sqlite_error_code(), Some(ErrorCode::DatabaseBusy), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(1), "it cannot succeed by waiting");
    late.execute_batch("ROLLBACK").unwrap();
    // A new one sees that the store is sealed.
    let refused = late.execute("INSERT INTO numbered VALUES (51, 'late')", []).unwrap_err();
    assert!(refused.to_string().contains("fenced"), "{refused}");
    stage.pair.drain().unwrap();
    let there: i64 = Connection::open(stage.target_path())
        .unwrap()
        .query_row("SELECT count(*) FROM numbered", [], |row| row.get(0))
        .unwrap();
    assert_eq!(there, before);
}

#[test]
fn a_writer_that_holds_the_lock_for_longer_than_is_waited_keeps_the_store_open() {
    let mut stage = Stage::copied();
    stage.verify().unwrap();
    let writer = stage.source();
    writer.execute_batch("BEGIN IMMEDIATE; INSERT INTO numbered VALUES (52, 'slow')").unwrap();
    stage.pair.wait_at_most(Duration::from_millis(50));
    let began = Instant::now();
    assert!(matches!(stage.pair.seal(), Err(MoveError::Store { .. })));
    assert!(began.elapsed() < Duration::from_secs(2));
    stage.pair.wait_at_most(PATIENCE);
    writer.execute_batch("COMMIT").unwrap();
    assert!(!stage.row(false).sealed);
    stage.pair.drain().unwrap();
}

//! Back to the store that followed: without a copy, and without comparing all of it again.

use std::time::Duration;

use super::*;

/// The pair of a handover that goes back, made of the one that went over.
fn turned(stage: Stage, epoch: u64) -> (TempDir, Pair) {
    let next = handover(epoch, Base::Follow(stage.handover.id));
    let mut pair = stage.pair.handed_on(&next, true);
    pair.prepare().unwrap();
    (stage.directory, pair)
}

fn follow_back(stage: &mut Stage) {
    while stage.pair.apply_back().unwrap().left > 0 {}
}

#[test]
fn a_follower_that_was_equal_and_watched_takes_over_without_being_compared_again() {
    let mut stage = Stage::copied();
    stage.switch();
    let b = stage.target_path();
    owner(&b, 2).execute("INSERT INTO numbered VALUES (100, 'at the target')", []).unwrap();
    follow_back(&mut stage);
    let (directory, mut pair) = turned(stage, 2);
    let a = directory.path().join("a.db");
    owner(&b, 2).execute("INSERT INTO counted (text) VALUES ('later')", []).unwrap();
    pair.apply().unwrap();
    assert!(pair.is_verified());
    owner(&b, 2).execute("DELETE FROM numbered WHERE number = 5", []).unwrap();
    pair.drain().unwrap();
    pair.activate().unwrap();
    assert_eq!(dump(&a), dump(&b));
    owner(&a, 3).execute("INSERT INTO numbered VALUES (5, 'back again')", []).unwrap();
    pair.apply_back().unwrap();
    assert_eq!(dump(&a), dump(&b));
}

#[test]
fn a_follower_that_somebody_else_wrote_has_to_be_compared_again() {
    let mut stage = Stage::copied();
    stage.switch();
    let a = stage.directory.path().join("a.db");
    tamper(&a, "UPDATE numbered SET text = 'rogue' WHERE number = 5");
    follow_back(&mut stage);
    let (_directory, mut pair) = turned(stage, 2);
    assert!(!pair.is_verified());
    assert!(matches!(pair.drain(), Err(MoveError::Differs(_))));
    assert!(matches!(pair.verify(&|_| {}), Err(MoveError::Differs(what)) if what.contains("numbered")));
}

#[test]
fn a_row_that_does_not_come_back_as_it_was_is_noticed() {
    let mut stage = Stage::copied();
    stage.switch();
    // Whatever the follower is told to write, it writes something else.
    let a = stage.directory.path().join("a.db");
    tamper(
        &a,
        "CREATE TRIGGER liar AFTER INSERT ON numbered BEGIN UPDATE numbered SET text = 'x' WHERE rowid = NEW.rowid; END",
    );
    stage.pair.begin_returning().unwrap();
    owner(&stage.target_path(), 2).execute("INSERT INTO numbered VALUES (100, 'at the target')", []).unwrap();
    follow_back(&mut stage);
    let (_directory, mut pair) = next_of(stage, 2);
    assert!(!pair.is_verified());
}

#[test]
fn what_was_seen_over_one_connection_is_not_believed_over_another() {
    let mut stage = Stage::copied();
    stage.verify().unwrap();
    stage.pair.target.connection = None;
    assert!(!stage.pair.is_verified());
    assert!(matches!(stage.pair.drain(), Err(MoveError::Differs(_))));
}

#[test]
fn what_went_back_has_to_be_compared_again() {
    let mut stage = Stage::copied();
    stage.verify().unwrap();
    stage.pair.drain().unwrap();
    stage.pair.reopen().unwrap();
    assert!(!stage.pair.is_verified());
}

/// The next handover, before the stores are its own.
fn next_of(stage: Stage, epoch: u64) -> (TempDir, Pair) {
    let next = handover(epoch, Base::Follow(stage.handover.id));
    (stage.directory, stage.pair.handed_on(&next, true))
}

#[test]
fn one_that_goes_back_before_the_stores_are_its_own_can_follow_all_the_same_or_leave_nothing() {
    let mut stage = Stage::copied();
    stage.switch();
    let (a, b) = (stage.directory.path().join("a.db"), stage.target_path());
    let (directory, mut pair) = next_of(stage, 2);
    assert!(pair.follow().is_err(), "they are the handover's before");
    pair.prepare().unwrap();
    owner(&b, 2).execute("INSERT INTO numbered VALUES (100, 'at the owner')", []).unwrap();
    pair.follow().unwrap();
    assert_eq!(dump(&a), dump(&b));
    drop((pair, directory));

    let mut stage = Stage::copied();
    stage.switch();
    let (a, b) = (stage.directory.path().join("a.db"), stage.target_path());
    let (_directory, mut pair) = next_of(stage, 2);
    pair.clean_up().unwrap();
    assert!(!a.exists());
    let StoreSeen::Owned(row) = look(&b) else { panic!("{:?}", look(&b)) };
    assert_eq!((row.epoch, row.sealed, row.operation), (2, false, None));
    assert!(!capture::is_armed(&Connection::open(&b).unwrap()).unwrap());
}

#[test]
fn a_follower_notes_nothing_of_what_it_is_brought() {
    let mut stage = Stage::copied();
    stage.switch();
    let (a, b) = (stage.directory.path().join("a.db"), stage.target_path());
    let noted = |path: &Path| -> i64 {
        Connection::open(path)
            .unwrap()
            .query_row("SELECT count(*) FROM handover_changes", [], |row| row.get(0))
            .unwrap()
    };
    let before = noted(&a);
    let target = owner(&b, 2);
    for number in 100..200 {
        target.execute("INSERT INTO numbered VALUES (?1, 'at the target')", [number]).unwrap();
    }
    assert_eq!(noted(&b), 100);
    follow_back(&mut stage);
    // Only the last one is kept: without it, its number would be given again, and that change taken for one that is there.
    assert_eq!((noted(&a), noted(&b)), (before, 1));
    target.execute("INSERT INTO numbered VALUES (200, 'at the target')", []).unwrap();
    let numbers: Vec<i64> = Connection::open(&b)
        .unwrap()
        .prepare("SELECT seq FROM handover_changes ORDER BY seq")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(numbers, [100, 101]);
}

#[test]
fn a_store_whose_tables_have_changed_meanwhile_is_put_aside_as_it_is() {
    let mut stage = Stage::copied();
    stage.switch();
    owner(&stage.target_path(), 2).execute_batch("ALTER TABLE things ADD COLUMN more TEXT").unwrap();
    let aside = stage.pair.retire().unwrap().unwrap();
    assert!(Path::new(&aside.name).exists());
    assert_eq!(held_by(Path::new(&aside.name)).unwrap(), aside.holds);
}

#[test]
fn a_store_that_somebody_reads_is_not_put_aside_before_they_have_ended() {
    let mut stage = Stage::copied();
    stage.switch();
    let (a, b) = (stage.directory.path().join("a.db"), stage.target_path());
    let reader = Connection::open(&a).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM things").unwrap();
    reader.query_row("SELECT count(*) FROM things", [], |row| row.get::<_, i64>(0)).unwrap();
    owner(&b, 2).execute("INSERT INTO numbered VALUES (100, 'at the target')", []).unwrap();
    follow_back(&mut stage);
    stage.pair.wait_at_most(Duration::from_millis(20));
    assert!(stage.pair.retire().is_err());
    assert!(a.exists());
    reader.execute_batch("COMMIT").unwrap();
    let aside = stage.pair.retire().unwrap().unwrap();
    assert_eq!(aside.holds, dump(&b));
}

#[test]
fn a_log_that_was_left_where_the_target_goes_is_not_taken_for_its_own() {
    let mut stage = Stage::new();
    let other = Stage::copied();
    let wal = other.directory.path().join("a.db-wal");
    other.source().execute("DELETE FROM things", []).unwrap();
    std::fs::copy(wal, stage.directory.path().join("b.db-wal")).unwrap();
    stage.pair.prepare().unwrap();
    stage.pair.copy().unwrap();
    stage.verify().unwrap();
    drop(other);
}

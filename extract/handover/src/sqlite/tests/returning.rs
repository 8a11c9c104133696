//! Back to the store that followed: without a copy, and without comparing all of it again.

use super::*;

/// The pair of a handover that goes back, made of the one that went over.
fn turned(stage: Stage, epoch: u64) -> (TempDir, Pair) {
    let next = handover(epoch, Base::Follow(stage.handover.id));
    let mut pair = stage.pair.handed_on(&next, true);
    pair.prepare(next.plan.base).unwrap();
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
    let (_directory, mut pair) = turned(stage, 2);
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

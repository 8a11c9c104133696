use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kernel::Timestamp;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode};
use tempfile::TempDir;

use super::*;
use crate::machine::{Base, Facts, MovePlan, Ownership, Site, State};
use crate::peel::Kind;

mod returning;
mod sealing;

const SOON: Duration = Duration::from_secs(60);

/// Two files, and a handover from the one to the other.
struct Stage {
    directory: TempDir,
    handover: Handover,
    pair: Pair,
}

const SCHEMA: &str = "\
    PRAGMA journal_mode = WAL;\
    CREATE TABLE ownership (id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1), epoch BIGINT NOT NULL, sealed BOOLEAN NOT NULL,\
        operation TEXT, position BIGINT, applied BIGINT);\
    INSERT INTO ownership (id, epoch, sealed) VALUES (1, 1, FALSE);\
    CREATE TABLE store_meta (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL);\
    CREATE TABLE things (id TEXT PRIMARY KEY NOT NULL, code TEXT UNIQUE, price REAL, picture BLOB, note TEXT);\
    CREATE TABLE parts (thing TEXT NOT NULL REFERENCES things (id) ON DELETE CASCADE, n INTEGER NOT NULL, PRIMARY KEY (thing, n));\
    CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT);\
    CREATE TABLE numbered (number INTEGER PRIMARY KEY, text TEXT);";

/// As the modules' processes are.
fn owner(path: &Path, epoch: i64) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection.execute_batch("PRAGMA recursive_triggers = ON; PRAGMA foreign_keys = ON;").unwrap();
    connection
        .create_scalar_function("module_epoch", 0, FunctionFlags::SQLITE_UTF8, move |_| Ok(epoch))
        .unwrap();
    connection
}

/// The same triggers as the kernel's.
fn put_up_fence(connection: &Connection) {
    for table in replica::tables(connection).unwrap() {
        for change in ["INSERT", "UPDATE", "DELETE"] {
            let trigger = format!(
                "CREATE TRIGGER \"fence_{table}_{change}\" BEFORE {change} ON \"{table}\" \
                 WHEN coalesce((SELECT module_epoch() IS NOT \
                   CASE WHEN sealed THEN 'apply ' || operation ELSE epoch END FROM ownership), 1) \
                 BEGIN SELECT raise(ABORT, 'fenced'); END;"
            );
            connection.execute_batch(&trigger).unwrap();
        }
    }
}

fn handover(epoch: u64, base: Base) -> Handover {
    let now = Timestamp::now();
    let site = |store: &str| Site { store: store.to_owned(), as_configured: false, nodes: Vec::new() };
    Handover {
        id: OperationId::new(),
        module: "order".into(),
        kind: Kind::Extract,
        plan: MovePlan {
            base,
            source: site("sqlite:a"),
            target: site("sqlite:b"),
            max_pause_ms: 1000,
            rehearse: false,
            finish: false,
            patience_ms: 1000,
            watch_ms: 0,
        },
        epoch,
        state: State::Begun,
        facts: Facts::default(),
        cancelled: false,
        reason: None,
        began_at: now,
        state_at: now,
        ended_at: None,
    }
}

impl Stage {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("a.db");
        let connection = owner(&source, 1);
        connection.execute_batch(SCHEMA).unwrap();
        put_up_fence(&connection);
        connection
            .execute_batch(
                "INSERT INTO store_meta VALUES ('cursor_key', 'x');\
                 INSERT INTO things VALUES ('t1', 'c1', 1.5, x'00ff', NULL), ('t2', 'c2', -0.0, zeroblob(100000), ''), ('t3', NULL, NULL, NULL, 'null');\
                 INSERT INTO parts VALUES ('t1', 1), ('t1', 2), ('t2', 1);\
                 INSERT INTO counted (text) VALUES ('one'), ('two'), ('three');\
                 INSERT INTO numbered VALUES (5, 'five'), (-7, 'minus seven');",
            )
            .unwrap();
        let handover = handover(1, Base::Copy);
        let pair = Pair::new(&handover, source, directory.path().join("b.db"));
        Self { directory, handover, pair }
    }

    fn source(&self) -> Connection {
        owner(&self.directory.path().join("a.db"), 1)
    }

    fn target_path(&self) -> PathBuf {
        self.directory.path().join("b.db")
    }

    fn copied() -> Self {
        let mut stage = Self::new();
        stage.pair.prepare().unwrap();
        stage.pair.copy().unwrap();
        stage
    }

    fn apply_all(&mut self) {
        while self.pair.apply().unwrap().left > 0 {}
    }

    fn verify(&mut self) -> Result<Compared, MoveError> {
        self.pair.verify(&|_| {})
    }

    fn row(&mut self, of_target: bool) -> Ownership {
        let (source, target) = self.pair.look();
        match if of_target { target } else { source } {
            StoreSeen::Owned(row) => row,
            other => panic!("{other:?}"),
        }
    }

    /// Over to the target.
    fn switch(&mut self) {
        self.verify().unwrap();
        self.pair.drain().unwrap();
        self.pair.activate().unwrap();
    }
}

fn dump(path: &Path) -> Vec<TableDigest> {
    verify::digests(&Connection::open(path).unwrap()).unwrap()
}

#[test]
fn a_copy_is_sealed_follows_and_ends_up_equal() {
    let mut stage = Stage::copied();
    let row = stage.row(true);
    assert_eq!((row.epoch, row.sealed, row.operation), (1, true, Some(stage.handover.id)));
    let names = std::fs::read_dir(stage.directory.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.contains("copying")), "{names:?}");
    // Nobody but the handover writes it, whichever epoch they have.
    for epoch in [1, 2, 3] {
        let refused = owner(&stage.target_path(), epoch).execute("DELETE FROM things", []);
        assert!(refused.unwrap_err().to_string().contains("fenced"), "{epoch}");
    }

    let source = stage.source();
    for change in [
        "UPDATE things SET note = 'changed' WHERE id = 't1'",
        // A delete that takes rows of another table along.
        "DELETE FROM things WHERE id = 't2'",
        // A delete that is only implied, by each of two keys.
        "INSERT OR REPLACE INTO things VALUES ('t3', 'c1', 3, x'01', NULL)",
        // Two rows that exchange a unique value.
        "INSERT INTO things VALUES ('t4', 'c4', 0, NULL, ''), ('t5', 'c5', 0, NULL, NULL)",
        "UPDATE things SET code = NULL WHERE id = 't4'",
        "UPDATE things SET code = 'c4' WHERE id = 't5'",
        "UPDATE things SET code = 'c5' WHERE id = 't4'",
        // Keys that change.
        "UPDATE things SET id = 'another' WHERE id = 't5'",
        "UPDATE numbered SET number = 9 WHERE number = 5",
        "UPDATE numbered SET number = number + 1000",
        // Large, and not numbers.
        "INSERT INTO things VALUES ('t6', 'c6', 9e999, randomblob(3000000), char(0) || 'x')",
        // The row with the highest number goes; the number must not come again.
        "INSERT INTO counted (text) VALUES ('four')",
        "DELETE FROM counted WHERE text = 'four'",
        "DELETE FROM parts",
    ] {
        source.execute(change, []).unwrap();
        stage.apply_all();
    }
    source
        .execute_batch(
            "BEGIN; INSERT INTO parts VALUES ('t3', 8); ROLLBACK; INSERT INTO parts VALUES ('t3', 9);",
        )
        .unwrap();
    stage.apply_all();
    let compared = stage.verify().unwrap();
    assert_eq!(compared.tables, dump(&stage.target_path()));
    assert_eq!(compared.tables, dump(&stage.directory.path().join("a.db")));
}

#[test]
fn after_the_switch_the_target_is_the_owner_and_counts_on() {
    let mut stage = Stage::copied();
    let source = stage.source();
    source.execute("DELETE FROM counted WHERE id = 3", []).unwrap();
    stage.verify().unwrap();
    source.execute("INSERT INTO numbered VALUES (77, 'after they were compared')", []).unwrap();
    let position = stage.pair.seal().unwrap();
    assert_eq!(stage.pair.seal().unwrap(), position, "sealing again changes nothing");
    let late = source.execute("INSERT INTO numbered VALUES (78, 'late')", []);
    assert!(late.unwrap_err().to_string().contains("fenced"));
    stage.pair.drain().unwrap();
    stage.pair.drain().unwrap();
    assert_eq!(stage.row(true).applied, Some(position));
    stage.pair.activate().unwrap();
    stage.pair.activate().unwrap();
    let row = stage.row(true);
    assert_eq!((row.epoch, row.sealed), (2, false));

    let target = owner(&stage.target_path(), 2);
    target.execute("INSERT INTO counted (text) VALUES ('next')", []).unwrap();
    assert_eq!(target.last_insert_rowid(), 4, "a number that was given is not given again");
    let probe: i64 = target
        .query_row("SELECT count(*) FROM store_meta WHERE name = 'probe'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(probe, 0);
    // What the owner of before does now comes too late, on whatever connection.
    assert!(source.execute("DELETE FROM things", []).is_err());
    assert!(owner(&stage.target_path(), 1).execute("DELETE FROM things", []).is_err());
}

#[test]
fn the_source_follows_the_target_and_takes_over_again_without_a_copy() {
    let mut stage = Stage::copied();
    let (a, b) = (stage.directory.path().join("a.db"), stage.target_path());
    stage.switch();
    let target = owner(&b, 2);
    target.execute("INSERT INTO numbered VALUES (100, 'written at the target')", []).unwrap();
    while stage.pair.apply_back().unwrap().left > 0 {}
    assert_eq!(dump(&a), dump(&b));

    // Fifty times there and back.
    let mut before = stage.handover.clone();
    stage.pair.close();
    for turn in 0..50_u64 {
        let epoch = 2 + turn;
        let next = handover(epoch, Base::Follow(before.id));
        let (source, destination) = if turn % 2 == 0 { (&b, &a) } else { (&a, &b) };
        let mut pair = Pair::new(&next, source.clone(), destination.clone());
        pair.prepare().unwrap();
        pair.prepare().unwrap();
        let owning = owner(source, i64::try_from(epoch).unwrap());
        owning.execute("INSERT INTO counted (text) VALUES (?1)", [turn.to_string()]).unwrap();
        pair.verify(&|_| {}).unwrap();
        pair.drain().unwrap();
        pair.activate().unwrap();
        before = next;
        if turn == 49 {
            let aside = pair.retire().unwrap();
            assert_eq!(aside.as_ref().map(|aside| aside.name.ends_with(".epoch-51")), Some(true));
            assert_eq!(
                pair.retire().unwrap(),
                aside,
                "it is put aside once, and said as often as it is asked"
            );
        }
    }
    let last = owner(&b, 52);
    let counted: i64 = last.query_row("SELECT count(*) FROM counted", [], |row| row.get(0)).unwrap();
    assert_eq!(counted, 53);
    let left: Vec<String> = last
        .prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'capture%' OR name LIKE 'handover%'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(left.is_empty(), "{left:?}");
    assert!(!a.exists());
    let names = std::fs::read_dir(stage.directory.path()).unwrap();
    let names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn what_goes_back_leaves_the_source_in_an_epoch_of_its_own_and_nothing_else() {
    let mut stage = Stage::copied();
    stage.verify().unwrap();
    stage.pair.drain().unwrap();
    stage.pair.reopen().unwrap();
    stage.pair.reopen().unwrap();
    stage.pair.clean_up().unwrap();
    stage.pair.clean_up().unwrap();
    assert!(!stage.target_path().exists());
    let row = stage.row(false);
    let free = Ownership { epoch: 3, sealed: false, operation: None, position: None, applied: None };
    assert_eq!(row, free);
    assert!(stage.source().execute("DELETE FROM parts", []).is_err(), "epoch 1 is over");
    owner(&stage.directory.path().join("a.db"), 3).execute("DELETE FROM parts", []).unwrap();
    // A handover that comes late to its target finds it gone.
    assert!(stage.pair.activate().is_err());
}

#[test]
fn nothing_is_opened_that_is_not_this_handovers() {
    let mut stage = Stage::copied();
    let stranger = handover(1, Base::Copy);
    let (a, b) = (stage.directory.path().join("a.db"), stage.target_path());
    let mut other = Pair::new(&stranger, a, b);
    assert!(matches!(other.activate(), Err(MoveError::NotMine { .. })));
    assert!(matches!(other.seal(), Err(MoveError::NotMine { .. })));
    assert!(matches!(other.reopen(), Err(MoveError::NotMine { .. })));
    assert!(matches!(other.apply(), Err(MoveError::NotMine { .. })));
    assert!(matches!(other.prepare(), Err(MoveError::Refused(_))), "there is a file already");
    other.clean_up().unwrap();
    assert!(stage.target_path().exists(), "it is not the stranger's to remove");
    stage.switch();
}

#[test]
fn every_difference_is_found_and_named() {
    type Tampering = (&'static str, &'static str);
    // Past the fence: as a disk, or somebody with a tool, would do it.
    let tampered: [Tampering; 9] = [
        ("UPDATE things SET picture = x'00fe' WHERE id = 't1'", "things"),
        ("UPDATE things SET note = '' WHERE id = 't1'", "things"),
        ("UPDATE things SET note = NULL WHERE id = 't2'", "things"),
        ("UPDATE things SET price = 1 + 1e-15 WHERE id = 't1'", "things"),
        ("UPDATE things SET note = NULL WHERE id = 't3'", "things"),
        ("DELETE FROM numbered WHERE number = 5", "numbered"),
        ("INSERT INTO parts VALUES ('t2', 2)", "parts"),
        ("UPDATE numbered SET number = 6 WHERE number = 5", "numbered"),
        ("CREATE INDEX more ON things (note)", "more"),
    ];
    for (tampering, named) in tampered {
        let mut stage = Stage::copied();
        tamper(&stage.target_path(), tampering);
        let error = stage.verify().unwrap_err();
        assert!(matches!(&error, MoveError::Differs(what) if what.contains(named)), "{tampering}: {error}");
        assert!(stage.pair.drain().is_err(), "{tampering}: it must not take over");
    }
}

fn tamper(path: &Path, statement: &str) {
    let operation: String = Connection::open(path)
        .unwrap()
        .query_row("SELECT operation FROM ownership", [], |row| row.get(0))
        .unwrap();
    let rogue = Connection::open(path).unwrap();
    rogue
        .create_scalar_function("module_epoch", 0, FunctionFlags::SQLITE_UTF8, move |_| {
            Ok(format!("apply {operation}"))
        })
        .unwrap();
    rogue.execute_batch(statement).unwrap();
}

#[test]
fn one_byte_that_is_wrong_on_the_disk_is_found() {
    let stage = Stage::copied();
    let (a, b) = (stage.directory.path().join("a.db"), stage.target_path());
    drop(stage.pair);
    let mut bytes = std::fs::read(&b).unwrap();
    let place = bytes.windows(11).position(|window| window == b"minus seven").unwrap();
    bytes[place] ^= 1;
    std::fs::write(&b, bytes).unwrap();
    let mut pair = Pair::new(&stage.handover, a, b);
    let error = pair.verify(&|_| {}).unwrap_err();
    assert!(matches!(&error, MoveError::Differs(what) if what == "rows -7 of numbered"), "{error}");
}

#[test]
fn a_write_to_the_target_after_it_was_compared_blocks_the_switch() {
    let mut stage = Stage::copied();
    stage.verify().unwrap();
    assert!(stage.pair.is_verified());
    tamper(&stage.target_path(), "UPDATE numbered SET text = 'rogue' WHERE number = 5");
    assert!(!stage.pair.is_verified());
    assert!(matches!(stage.pair.drain(), Err(MoveError::Differs(_))));
    // Found again when they are compared again.
    assert!(matches!(stage.verify(), Err(MoveError::Differs(what)) if what.contains("numbered")));
}

#[test]
fn a_target_with_no_room_or_a_file_in_its_place_is_refused() {
    let mut stage = Stage::new();
    std::fs::write(stage.target_path(), "something").unwrap();
    let refused = stage.pair.prepare().unwrap_err().to_string();
    assert!(refused.contains("already"), "{refused}");
    assert_eq!(std::fs::read(stage.target_path()).unwrap(), b"something");

    let mut stage = Stage::new();
    stage.source().execute_batch("CREATE TABLE odd (a TEXT PRIMARY KEY) WITHOUT ROWID;").unwrap();
    let refused = stage.pair.prepare().unwrap_err().to_string();
    assert!(refused.contains("odd"), "{refused}");
}

#[test]
fn what_an_older_handover_left_at_the_source_is_cleared_away() {
    let mut stage = Stage::copied();
    let (a, c) = (stage.directory.path().join("a.db"), stage.directory.path().join("c.db"));
    let next = handover(1, Base::Copy);
    let mut pair = Pair::new(&next, a, c);
    std::fs::write(stage.directory.path().join("c.db.copying"), "half a copy").unwrap();
    pair.prepare().unwrap();
    let row = stage.row(false);
    assert_eq!(row.operation, None);
    pair.copy().unwrap();
    pair.verify(&|_| {}).unwrap();
    assert!(stage.pair.apply().is_err(), "the older one has lost its log");
}

#[test]
fn under_load_every_write_that_was_acknowledged_is_at_the_target_once() {
    let mut stage = Stage::new();
    stage.pair.prepare().unwrap();
    let written = Arc::new(AtomicUsize::new(0));
    // However slow the disk is.
    let have_written = |more: usize| {
        let (until, enough) = (Instant::now() + SOON, written.load(Ordering::Acquire) + more);
        while written.load(Ordering::Acquire) < enough {
            assert!(Instant::now() < until, "the writers do not get on");
            std::thread::yield_now();
        }
    };
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let (source, written) = (stage.source(), Arc::clone(&written));
            std::thread::spawn(move || {
                let mut acknowledged = Vec::new();
                for n in 0_i64.. {
                    let id = format!("w{writer}-{n}");
                    let wrote = source.execute(
                        "INSERT INTO things VALUES (?1, ?1, ?2, ?1, NULL)",
                        rusqlite::params![id, n],
                    );
                    match wrote {
                        Ok(_) => acknowledged.push(id),
                        Err(error) if error.to_string().contains("fenced") => break,
                        // Another writer had all the luck.
                        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => continue,
                        Err(error) => panic!("{error}"),
                    }
                    written.fetch_add(1, Ordering::Release);
                }
                acknowledged
            })
        })
        .collect();
    have_written(10);
    stage.pair.copy().unwrap();
    have_written(10);
    stage.verify().unwrap();
    have_written(10);
    while stage.pair.apply().unwrap().left > 100 {}
    // Writers that never pause can keep the lock from whoever seals; the driver tries again, too.
    let sealed = (0..20).find_map(|_| match stage.pair.drain() {
        Err(MoveError::Store { .. }) => None,
        ended => Some(ended),
    });
    sealed.expect("the lock").unwrap();
    let acknowledged: Vec<String> = writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect();
    stage.pair.activate().unwrap();
    let target = owner(&stage.target_path(), 2);
    let mut ids = target.prepare("SELECT id FROM things WHERE id LIKE 'w%' ORDER BY rowid").unwrap();
    let there: std::collections::BTreeSet<String> =
        ids.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    assert!(acknowledged.len() >= 30, "{}", acknowledged.len());
    assert_eq!(there, acknowledged.into_iter().collect());
}

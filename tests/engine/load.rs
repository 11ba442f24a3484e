use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use holdfast::{Database, Mode, Patience, Value, execute_in_transaction, upsert};

/// Far beyond what the work takes, and short of a test runner's own limit.
const DEADLINE: Duration = Duration::from_secs(60);

/// Fail instead of hanging when the work deadlocks.
fn before_the_deadline(work: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let worker = std::thread::spawn(move || {
        work();
        let _ = done.send(());
    });
    match ended.recv_timeout(DEADLINE) {
        // A panic drops the sender, and shows when joined.
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => worker.join().expect("no panic"),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("not done after {DEADLINE:?}: a deadlock"),
    }
}

fn open() -> (tempfile::TempDir, Database) {
    let directory = tempfile::tempdir().expect("a directory");
    let db = Database::open(directory.path().join("load.db")).expect("opens");
    db.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, count INTEGER)", &[])
        .expect("creates");
    (directory, db)
}

fn number(db: &Database, sql: &str) -> i64 {
    match db.query(sql, &[]).expect("reads")[0][0] {
        Value::Integer(number) => number,
        ref other => panic!("{other:?}"),
    }
}

fn text(db: &Database, sql: &str) -> String {
    match &db.query(sql, &[]).expect("reads")[0][0] {
        Value::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

fn count_up(db: &Database, id: i64) {
    execute_in_transaction(db, Mode::Immediate, |tx| {
        let seen = tx.query("SELECT count FROM item WHERE id = ?", &[id.into()])?;
        let count = match seen.first().map(|row| &row[0]) {
            Some(Value::Integer(count)) => count + 1,
            _ => 1,
        };
        let row = [("id", id.into()), ("count", count.into())];
        upsert(tx.connection()?, "item", &row, &["id"])
    })
    .expect("commits");
}

#[test]
fn ten_connections_are_in_use_in_parallel() {
    before_the_deadline(|| {
        let (_directory, db) = open();
        db.execute("INSERT INTO item(id, count) VALUES (1, 7)", &[]).expect("writes");
        let all_hold_one = std::sync::Barrier::new(10);
        std::thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| {
                    let reader = db.reader(&Patience::unbounded()).expect("a reader");
                    all_hold_one.wait();
                    let rows = reader.query("SELECT count FROM item", &[]).expect("reads");
                    assert_eq!(rows, [[Value::Integer(7)]]);
                });
            }
        });
    });
}

#[test]
fn a_hundred_operations_at_once_neither_deadlock_nor_lose_an_update() {
    before_the_deadline(|| {
        let (_directory, db) = open();
        let reads = AtomicI64::new(0);
        std::thread::scope(|scope| {
            let (db, reads) = (&db, &reads);
            for operation in 0..100 {
                scope.spawn(move || match operation % 4 {
                    0 | 1 => count_up(db, operation % 2),
                    2 => {
                        number(db, "SELECT coalesce(sum(count), 0) FROM item");
                        reads.fetch_add(1, Ordering::Relaxed);
                    }
                    _ => {
                        let snapshot = db.snapshot(&Patience::unbounded()).expect("a snapshot");
                        let sum = "SELECT sum(count) FROM item";
                        let first = snapshot.query(sum, &[]).expect("reads");
                        assert_eq!(snapshot.query(sum, &[]).expect("reads"), first);
                        reads.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(reads.into_inner(), 50);
        assert_eq!(number(&db, "SELECT sum(count) FROM item"), 50);
    });
}

#[test]
fn a_thousand_operations_in_sequence_keep_the_file_small_and_whole() {
    before_the_deadline(|| {
        let (directory, db) = open();
        for operation in 0..1000 {
            let name = "x".repeat(500);
            match operation % 5 {
                0..3 => {
                    let row = [("id", (operation % 100).into()), ("name", name.into())];
                    let put =
                        || db.write(&Patience::unbounded(), |c| upsert(c, "item", &row, &["id"]));
                    put().expect("writes");
                }
                3 => drop(db.query("SELECT * FROM item", &[]).expect("reads")),
                _ => {
                    let id = (operation % 100 - 1).into();
                    db.execute("DELETE FROM item WHERE id = ?", &[id]).expect("deletes");
                }
            }
        }
        assert_eq!(text(&db, "PRAGMA integrity_check"), "ok");
        let size = |name: &str| {
            std::fs::metadata(directory.path().join(name)).map_or(0, |file| file.len())
        };
        let total = size("load.db") + size("load.db-wal");
        assert!(size("load.db") > 0 && total < 10_000_000, "{total} bytes");
    });
}

#[test]
fn sqlite_is_built_with_the_flags_that_the_project_sets() {
    let (_directory, db) = open();
    let rows = db.query("PRAGMA compile_options", &[]).expect("reads");
    let options: Vec<String> = rows
        .into_iter()
        .map(|mut row| match row.remove(0) {
            Value::Text(option) => option,
            other => panic!("{other:?}"),
        })
        .collect();
    let config = include_str!("../../.cargo/config.toml");
    let flags = config.split_once("LIBSQLITE3_FLAGS = \"").expect("the flags are set").1;
    let flags = flags.split_once('"').expect("the text ends").0;
    for flag in flags.split_whitespace() {
        let (set, name) = flag.split_at(2);
        let name = name.strip_prefix("SQLITE_").expect("an option of SQLite");
        let plain = name.strip_suffix("=1").unwrap_or(name);
        match set {
            "-U" => assert!(!options.iter().any(|o| o.starts_with(name)), "{name} is set"),
            _ => assert!(options.iter().any(|o| o == name || o == plain), "{name} is not set"),
        }
    }
}

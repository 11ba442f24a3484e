//! Writes that share a commit, and what one of them may do to the others: nothing.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::Duration;

use holdfast::{
    Connection, Database, Error, Mode, Options, Owner, Patience, Pragmas, Profile, Result, Value,
};

fn durable() -> (tempfile::TempDir, Database) {
    durable_with("max_page_count", "1000000")
}

fn durable_with(pragma: &str, value: &str) -> (tempfile::TempDir, Database) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut pragmas = Pragmas::of(Profile::Durable);
    pragmas.set(pragma, value).expect("a pragma");
    let options = Options { pragmas, ..Options::default() };
    let db = Database::open_with(dir.path().join("app.db"), options).expect("opens");
    let sql = "CREATE TABLE note(id INTEGER PRIMARY KEY, body NOT NULL);
               CREATE TABLE child(note REFERENCES note DEFERRABLE INITIALLY DEFERRED)";
    db.execute_script(sql, &Patience::unbounded()).expect("creates");
    (dir, db)
}

fn ids(db: &Database) -> BTreeSet<i64> {
    let rows = db.query("SELECT id FROM note", &[]).expect("reads");
    rows.iter().map(|row| number(&row[0])).collect()
}

fn number(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => *number,
        other => panic!("{other:?}"),
    }
}

fn execute(sql: &str) -> impl FnMut(&Connection) -> Result<u64> + Send + 'static {
    let sql = sql.to_owned();
    move |connection| connection.execute(&sql, &[])
}

/// Queue statements behind a transaction, in order, and give their results once it has ended.
fn together(db: &Database, statements: &[&str]) -> Vec<Result<u64>> {
    let work = statements.iter().map(|sql| Box::new(execute(sql)) as Box<_>).collect();
    all_of(db, work)
}

type Work = Box<dyn FnMut(&Connection) -> Result<u64> + Send>;

fn all_of(db: &Database, work: Vec<Work>) -> Vec<Result<u64>> {
    let transaction = db.transaction(Mode::Immediate).expect("begins");
    let receivers: Vec<_> = (1..)
        .zip(work)
        .map(|(task, work)| {
            let (sender, receiver) = mpsc::channel();
            let done = move |result| sender.send(result).expect("waited for");
            db.write_later(Owner::task(task), work, done).expect("queues");
            receiver
        })
        .collect();
    transaction.commit().expect("commits");
    let wait = |r: mpsc::Receiver<_>| r.recv_timeout(Duration::from_secs(20)).expect("told");
    receivers.into_iter().map(wait).collect()
}

#[test]
fn writes_that_wait_share_a_commit_and_keep_their_order() {
    let (_dir, db) = durable();
    db.execute("INSERT INTO note VALUES (0, '')", &[]).expect("writes");
    let before = db.stats().expect("counts");
    let append: Vec<String> =
        (0..100).map(|n| format!("UPDATE note SET body = body || '{n},' WHERE id = 0")).collect();
    let append: Vec<&str> = append.iter().map(String::as_str).collect();
    for result in together(&db, &append) {
        assert_eq!(result.expect("writes"), 1);
    }
    let body = db.query("SELECT body FROM note", &[]).expect("reads").remove(0).remove(0);
    let expected: String = (0..100).map(|n| format!("{n},")).collect();
    assert_eq!(body, Value::Text(expected));
    let after = db.stats().expect("counts");
    assert_eq!(after.group_writes - before.group_writes, 100);
    assert_eq!(after.group_commits - before.group_commits, 1);
}

#[test]
fn threads_that_write_at_once_share_commits_and_lose_nothing() {
    let (_dir, db) = durable();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let db = &db;
            scope.spawn(move || {
                for n in 0..50 {
                    let id = thread * 50 + n;
                    let run = execute(&format!("INSERT INTO note VALUES ({id}, 'x')"));
                    db.write_shared(&Patience::unbounded(), run).expect("writes");
                    let seen = format!("SELECT 1 FROM note WHERE id = {id}");
                    assert_eq!(db.query(&seen, &[]).expect("reads").len(), 1);
                }
            });
        }
    });
    assert_eq!(ids(&db).len(), 400);
    let stats = db.stats().expect("counts");
    assert!(stats.group_commits > 0 && stats.group_writes > stats.group_commits, "{stats:?}");
}

#[test]
fn a_failed_statement_is_its_callers_own() {
    let (_dir, db) = durable();
    let results = together(
        &db,
        &[
            "INSERT INTO note VALUES (1, 'x')",
            "INSERT INTO note VALUES (1, 'again')",
            "INSERT INTO note VALUES (2, NULL)",
            "no statement",
            "INSERT INTO note VALUES (3, 'x')",
        ],
    );
    let ok: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [true, false, false, false, true]);
    assert!(results[1].as_ref().is_err_and(|e| e.to_string().contains("UNIQUE")));
    assert_eq!(ids(&db), [1, 3].into());
    assert_eq!(db.stats().expect("counts").group_commits, 1);
}

#[test]
fn a_rollback_by_one_statement_takes_nothing_of_the_others() {
    let (_dir, db) = durable();
    db.execute("INSERT INTO note VALUES (1, 'x')", &[]).expect("writes");
    let results = together(
        &db,
        &[
            "INSERT INTO note VALUES (2, 'x')",
            "INSERT OR ROLLBACK INTO note VALUES (1, 'x')",
            "INSERT INTO note VALUES (3, 'x')",
        ],
    );
    let ok: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [true, false, true]);
    assert_eq!(ids(&db), [1, 2, 3].into());
}

#[test]
fn a_deferred_foreign_key_fails_its_own_caller_alone() {
    let (_dir, db) = durable();
    let results = together(
        &db,
        &[
            "INSERT INTO child VALUES (7)",
            // Would hide the violation before it.
            "INSERT INTO note VALUES (7, 'x')",
            "INSERT INTO child VALUES (7)",
        ],
    );
    let ok: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [false, true, true]);
    assert!(results[0].as_ref().is_err_and(|e| e.to_string().contains("FOREIGN KEY")));
    assert_eq!(db.query("SELECT * FROM child", &[]).expect("reads").len(), 1);
}

#[test]
fn what_fails_half_way_is_undone_whole() {
    let (_dir, db) = durable();
    let half = |connection: &Connection| {
        connection.whole(|c| {
            c.execute("INSERT INTO note VALUES (5, 'half')", &[])?;
            c.execute("INSERT INTO note VALUES (6, NULL)", &[])
        })
    };
    let work: Vec<Work> = vec![
        Box::new(execute("INSERT INTO note VALUES (1, 'x')")),
        Box::new(half),
        Box::new(execute("INSERT INTO note VALUES (2, 'x')")),
    ];
    let ok: Vec<bool> = all_of(&db, work).iter().map(Result::is_ok).collect();
    assert_eq!(ok, [true, false, true]);
    assert_eq!(ids(&db), [1, 2].into());
}

#[test]
fn a_panic_is_its_callers_error_and_frees_the_lane() {
    let (_dir, db) = durable();
    let work: Vec<Work> = vec![
        Box::new(execute("INSERT INTO note VALUES (1, 'x')")),
        Box::new(|connection| {
            connection.execute("INSERT INTO note VALUES (9, 'lost')", &[])?;
            panic!("on purpose")
        }),
        Box::new(execute("INSERT INTO note VALUES (2, 'x')")),
    ];
    let results = all_of(&db, work);
    let ok: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [true, false, true]);
    assert!(results[1].as_ref().is_err_and(|e| e.to_string().contains("on purpose")));
    assert_eq!(ids(&db), [1, 2].into());
    db.execute("INSERT INTO note VALUES (3, 'x')", &[]).expect("the lane is free");
}

#[test]
fn a_full_file_fails_the_write_that_does_not_fit() {
    let (_dir, db) = durable_with("max_page_count", "20");
    let results = together(
        &db,
        &[
            "INSERT INTO note VALUES (1, 'x')",
            "INSERT INTO note VALUES (2, zeroblob(1000000))",
            "INSERT INTO note VALUES (3, 'x')",
        ],
    );
    let ok: Vec<bool> = results.iter().map(Result::is_ok).collect();
    assert_eq!(ok, [true, false, true]);
    assert!(results[1].as_ref().is_err_and(|e| e.to_string().contains("full")));
    assert_eq!(ids(&db), [1, 3].into());
}

#[test]
fn a_place_can_be_given_up_until_it_is_taken_up() {
    let (_dir, db) = durable();
    let transaction = db.transaction(Mode::Immediate).expect("begins");
    let (sender, receiver) = mpsc::channel();
    let place = |id: i64| {
        let sender = sender.clone();
        let run = execute(&format!("INSERT INTO note VALUES ({id}, 'x')"));
        let done = move |result: Result<u64>| sender.send((id, result)).expect("waited for");
        db.write_later(Owner::task(id as u64), run, done).expect("queues")
    };
    let places = [place(1), place(2), place(3)];
    assert!(places[1].withdraw());
    transaction.commit().expect("commits");
    for id in [1, 3] {
        let (told, result) = receiver.recv_timeout(Duration::from_secs(20)).expect("told");
        assert_eq!(told, id);
        result.expect("writes");
    }
    assert!(!places[0].withdraw());
    assert_eq!(ids(&db), [1, 3].into());
}

#[test]
fn a_write_that_is_interrupted_in_its_group_ends_alone() {
    const LONG: &str = "INSERT INTO note SELECT 1000 + value, 'long' FROM (
        WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n) SELECT value FROM n)";
    let (_dir, db) = durable();
    let transaction = db.transaction(Mode::Immediate).expect("begins");
    let (sender, receiver) = mpsc::channel();
    let place = |id: u64, run: Work| {
        let sender = sender.clone();
        let done = move |result: Result<u64>| sender.send((id, result)).expect("waited for");
        db.write_later(Owner::task(id), run, done).expect("queues")
    };
    let (started, starts) = mpsc::channel();
    place(1, Box::new(execute("INSERT INTO note VALUES (1, 'x')")));
    let long = place(
        2,
        Box::new(move |connection| {
            started.send(()).expect("waited for");
            connection.execute(LONG, &[])
        }),
    );
    place(3, Box::new(execute("INSERT INTO note VALUES (3, 'x')")));
    transaction.commit().expect("commits");
    starts.recv_timeout(Duration::from_secs(20)).expect("starts");
    assert!(!long.withdraw());
    long.interrupt();
    for _ in 0..3 {
        let (id, result) = receiver.recv_timeout(Duration::from_secs(20)).expect("told");
        assert_eq!(result.is_ok(), id != 2, "{id}: {result:?}");
        assert!(id != 2 || matches!(result, Err(Error::Interrupted)));
    }
    assert_eq!(ids(&db), [1, 3].into());
}

#[test]
fn those_who_wait_when_the_database_closes_are_told() {
    let (_dir, db) = durable();
    let transaction = db.transaction(Mode::Immediate).expect("begins");
    let (sender, receiver) = mpsc::channel();
    let later = sender.clone();
    let run = execute("INSERT INTO note VALUES (1, 'x')");
    db.write_later(Owner::task(1), run, move |result| later.send(result).expect("waited for"))
        .expect("queues");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let run = execute("INSERT INTO note VALUES (2, 'x')");
            sender.send(db.write_shared(&Patience::unbounded(), run)).expect("waited for");
        });
        while db.stats().expect("counts").lane_waiting < 2 {
            std::thread::yield_now();
        }
        let closing = scope.spawn(|| db.close());
        for _ in 0..2 {
            let result = receiver.recv_timeout(Duration::from_secs(20)).expect("told");
            assert!(matches!(result, Err(Error::Closed(_))), "{result:?}");
        }
        drop(transaction);
        closing.join().expect("closes");
    });
}

#[test]
fn another_process_that_is_in_the_way_for_a_moment_is_waited_for() {
    let (dir, db) = durable();
    // Another SQLite connection stands for another process.
    let other = rusqlite::Connection::open(dir.path().join("app.db")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE; INSERT INTO note VALUES (100, 'theirs')").expect("locks");
    let (sender, receiver) = mpsc::channel();
    for id in 1..=3 {
        let sender = sender.clone();
        let run = execute(&format!("INSERT INTO note VALUES ({id}, 'x')"));
        let done = move |result: Result<u64>| sender.send(result).expect("waited for");
        db.write_later(Owner::task(id), run, done).expect("queues");
    }
    assert!(receiver.recv_timeout(Duration::from_millis(50)).is_err());
    other.execute_batch("COMMIT").expect("commits");
    for _ in 0..3 {
        receiver.recv_timeout(Duration::from_secs(20)).expect("told").expect("writes");
    }
    assert_eq!(ids(&db), [1, 2, 3, 100].into());
}

#[test]
fn all_are_told_when_their_file_was_lost_before_the_commit() {
    let (dir, db) = durable();
    let path = dir.path().join("app.db");
    let lose = move |connection: &Connection| {
        std::fs::rename(&path, path.with_extension("moved")).ok();
        connection.execute("INSERT INTO note VALUES (1, 'x')", &[])
    };
    let work: Vec<Work> =
        vec![Box::new(lose), Box::new(execute("INSERT INTO note VALUES (2, 'x')"))];
    for result in all_of(&db, work) {
        assert!(matches!(result, Err(Error::Moved { .. })), "{result:?}");
    }
}

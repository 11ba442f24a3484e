use std::time::Duration;

use holdfast::{
    Database, Error, Mode, Options, Patience, RetryPolicy, execute_in_transaction, upsert,
};

fn open() -> (tempfile::TempDir, Database) {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Database::open(dir.path().join("app.db")).expect("opens");
    db.execute("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT)", &[]).expect("creates");
    (dir, db)
}

fn count(db: &Database) -> i64 {
    match db.query("SELECT count(*) FROM note", &[]).expect("reads")[0][0] {
        holdfast::Value::Integer(n) => n,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn ten_threads_write_and_read_at_once_without_an_error() {
    let (_dir, db) = open();
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                for _ in 0..10 {
                    db.execute("INSERT INTO note(body) VALUES ('x')", &[]).expect("writes");
                    count(&db);
                }
            });
        }
    });
    assert_eq!(count(&db), 100);
}

#[test]
fn a_panic_inside_a_transaction_rolls_it_back_and_frees_the_lane() {
    let (_dir, db) = open();
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        execute_in_transaction(&db, Mode::Immediate, |tx| {
            tx.execute("INSERT INTO note(body) VALUES ('lost')", &[])?;
            panic!("on purpose");
            #[allow(unreachable_code)]
            Ok(())
        })
    }));
    assert!(panic.is_err());
    assert_eq!(count(&db), 0);
    assert_eq!(db.execute("INSERT INTO note(body) VALUES ('kept')", &[]).expect("writes"), 1);
}

#[test]
fn a_thread_that_waits_in_vain_is_told_who_holds_the_lane() {
    let (_dir, db) = open();
    let tx = db.transaction(Mode::Immediate).expect("begins");
    tx.execute("INSERT INTO note(body) VALUES ('first')", &[]).expect("writes");
    let error = std::thread::scope(|scope| {
        let wait = || {
            let patience = Patience::timeout(Duration::from_millis(20));
            db.write(&patience, |c| c.execute("DELETE FROM note", &[])).expect_err("busy")
        };
        scope.spawn(wait).join().expect("no panic")
    });
    assert!(matches!(error, Error::Busy(_)), "{error}");
    assert!(error.to_string().contains("INSERT INTO note(body) VALUES ('first')"), "{error}");
}

#[test]
fn a_second_write_by_the_holder_of_the_lane_is_an_error_at_once() {
    let (_dir, db) = open();
    let _tx = db.transaction(Mode::Immediate).expect("begins");
    let error = db.execute("DELETE FROM note", &[]).expect_err("would wait for itself");
    assert!(matches!(error, Error::Misuse(_)), "{error}");
}

#[test]
fn an_upsert_gives_no_row_id_where_the_table_has_none() {
    let (_dir, db) = open();
    let sql = "CREATE TABLE setting(name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID";
    db.execute(sql, &[]).expect("creates");
    for value in [1_i64, 2] {
        let row = [("name", "size".to_owned().into()), ("value", value.into())];
        let id = db.write(&Patience::unbounded(), |c| upsert(c, "setting", &row, &["name"]));
        assert_eq!(id.expect("writes"), None);
    }
    let rows = db.query("SELECT value FROM setting", &[]).expect("reads");
    assert_eq!(rows, [[holdfast::Value::Integer(2)]]);
}

#[test]
fn every_journal_mode_of_sqlite_can_be_asked_for() {
    for mode in ["delete", "truncate", "persist", "memory"] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut options = holdfast::Options::default();
        options.pragmas.set("journal_mode", mode).expect("a word");
        let db = Database::open_with(dir.path().join("app.db"), options).expect(mode);
        db.execute("CREATE TABLE t(x)", &[]).expect("writes");
        let found = db.pragmas().expect("verified");
        assert!(found.contains(&("journal_mode".into(), mode.into())), "{found:?}");
    }
}

#[test]
fn a_transaction_is_tried_as_often_as_the_policy_says_and_no_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("app.db");
    let retry = RetryPolicy { min_delay: Duration::from_millis(1), ..RetryPolicy::default() };
    let mut options = Options { retry, ..Options::default() };
    options.pragmas.set("busy_timeout", "1").expect("sets");
    let db = Database::open_with(&path, options).expect("opens");
    // Another SQLite connection stands for another process.
    let other = rusqlite::Connection::open(&path).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");

    let before = db.stats().expect("counts").retries.attempts;
    let script = db.execute_script("CREATE TABLE a(x)", &Patience::unbounded());
    let function = execute_in_transaction(&db, Mode::Immediate, |_| Ok(()));
    for error in [script.map(drop), function] {
        assert!(matches!(error, Err(Error::Busy(_))), "{error:?}");
    }
    assert_eq!(db.stats().expect("counts").retries.attempts - before, 6);
}

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use holdfast::{BackupOptions, Database, Error, Patience};

use super::copies::{NEW, PART, add, back_up, count, names, open, play};

#[test]
fn a_backup_is_one_moment_under_a_writer_that_never_stops() {
    let (dir, out) = (tempfile::tempdir().expect("a dir"), tempfile::tempdir().expect("a dir"));
    let db = open(dir.path(), "app.db");
    add(&db, 4000);
    let (stop, to) = (AtomicBool::new(false), out.path().join("copy.db"));
    let (report, seen) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                add(&db, 1);
            }
        });
        let mut seen = Vec::new();
        let mut progress = |done, all| seen.push((done, all));
        let report = db.backup(&to, NEW, &Patience::unbounded(), &mut progress);
        stop.store(true, Ordering::Relaxed);
        (report.expect("backs up"), seen)
    });
    assert!(report.check.ok());
    assert!(seen.len() > 5 && seen.is_sorted(), "it never starts over: {seen:?}");
    assert_eq!(seen.last(), Some(&(report.pages, report.pages)));
    assert_eq!(names(out.path()), ["copy.db"]);
    let file = std::fs::metadata(&to).expect("exists");
    assert_eq!(file.len(), report.bytes);
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o777, 0o600);
    assert!(
        (4000..=db.query("SELECT 1 FROM note", &[]).expect("reads").len() as i64)
            .contains(&count(&to))
    );
    assert_eq!(db.last_backup().expect("open").expect("just now").1, report);
}

#[test]
fn a_backup_never_takes_the_place_of_a_file_unasked() {
    let dir = tempfile::tempdir().expect("a directory");
    let (db, to) = (open(dir.path(), "app.db"), dir.path().join("copy.db"));
    std::fs::write(&to, "precious").expect("writes");
    for refused in ["copy.db", "app.db", "nowhere/copy.db", "app.db-wal", ".."] {
        let error = back_up(&db, &dir.path().join(refused), NEW).expect_err(refused);
        assert!(matches!(error, Error::Path { .. }), "{refused}: {error}");
    }
    let overwrite = BackupOptions { overwrite: true };
    assert!(matches!(back_up(&db, &dir.path().join("app.db"), overwrite), Err(Error::Path { .. })));
    assert_eq!(std::fs::read(&to).expect("reads"), b"precious");
    std::fs::write(dir.path().join("copy.db-wal"), "of somebody").expect("writes");
    assert!(matches!(back_up(&db, &to, overwrite), Err(Error::Path { .. })));
    std::fs::remove_file(dir.path().join("copy.db-wal")).expect("removes");
    back_up(&db, &to, overwrite).expect("replaces");
    assert_eq!(count(&to), 0);
}

#[test]
fn a_backup_that_runs_out_of_time_leaves_nothing() {
    let (dir, out) = (tempfile::tempdir().expect("a dir"), tempfile::tempdir().expect("a dir"));
    let db = open(dir.path(), "app.db");
    add(&db, 2000);
    let mut slow = |_, _| std::thread::sleep(Duration::from_millis(30));
    let patience = Patience::timeout(Duration::from_millis(20));
    let error = db.backup(&out.path().join("copy.db"), NEW, &patience, &mut slow);
    assert!(matches!(error, Err(Error::Timeout(_))), "{error:?}");
    assert_eq!(names(out.path()), [""; 0]);
}

#[test]
fn a_full_disk_is_said_clearly_and_leaves_nothing() {
    if std::env::var_os(PART).is_some() {
        return;
    }
    let (dir, out) = (tempfile::tempdir().expect("a dir"), tempfile::tempdir().expect("a dir"));
    add(&open(dir.path(), "app.db"), 500);
    let said = play("full disk", &[dir.path(), out.path()], |_| ());
    assert!(said.contains("could not be written") && said.contains("full"), "{said}");
    assert_eq!(names(out.path()), [""; 0]);
}

#[test]
fn rows_without_their_parent_are_reported_and_copied_all_the_same() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = holdfast::Options::default();
    options.pragmas.set("foreign_keys", "off").expect("plain");
    let db = Database::open_with(dir.path().join("app.db"), options).expect("opens");
    db.execute("CREATE TABLE up(id INTEGER PRIMARY KEY)", &[]).expect("creates");
    db.execute("CREATE TABLE low(up REFERENCES up(id))", &[]).expect("creates");
    db.execute("INSERT INTO low VALUES (4)", &[]).expect("nobody looks");
    let found = db.check(true, &Patience::unbounded()).expect("checks");
    assert!(!found.ok() && found.problems.is_empty());
    let row = &found.foreign_keys[0];
    assert_eq!((&*row.table, row.rowid, &*row.parent), ("low", Some(1), "up"));
    let report = back_up(&db, &dir.path().join("copy.db"), NEW).expect("backs up");
    assert_eq!(report.check, found);
}

#[test]
fn a_text_index_that_was_merged_between_two_checks_is_whole() {
    let db = Database::open(":memory:").expect("opens");
    db.execute("CREATE VIRTUAL TABLE \"a text\" USING fts5(body)", &[]).expect("makes");
    for _ in 0..3 {
        let fill = "INSERT INTO \"a text\" SELECT 'word' || value FROM json_each('[1, 2, 3]')";
        db.execute(fill, &[]).expect("fills");
        db.execute("INSERT INTO \"a text\"(\"a text\") VALUES ('optimize')", &[]).expect("merges");
        assert_eq!(db.check(false, &Patience::unbounded()).expect("checks").problems, [""; 0]);
    }
}

use std::path::PathBuf;
use std::time::Duration;

use holdfast::{Database, Error, Patience};

use super::copies::{NEW, add, back_up, count, names, open, play, put_back};

#[test]
fn a_restore_keeps_what_was_there_and_leaves_no_log_beside_the_new_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, copy) = (dir.path().join("app.db"), dir.path().join("copy.db"));
    let db = open(dir.path(), "app.db");
    add(&db, 3);
    back_up(&db, &copy, NEW).expect("backs up");
    let open_here = put_back(&copy, &path).expect_err("open here");
    assert!(matches!(open_here, Error::Misuse(_)), "{open_here}");
    db.close();
    // A process that is killed leaves rows in the WAL; the safety copy has them.
    play("die with a WAL", &[&path], |_| ());
    assert!(dir.path().join("app.db-wal").exists());
    let report = put_back(&copy, &path).expect("restores");
    let kept = report.safety_copy.clone().expect("kept");
    let named =
        kept.to_string_lossy().starts_with(&*format!("{}.before-restore-2", path.display()));
    assert!(named, "{kept:?}");
    assert_eq!((count(&path), count(&kept)), (3, 7));
    let kept = kept.file_name().and_then(|n| n.to_str()).expect("text").to_owned();
    assert_eq!(names(dir.path()), ["app.db", &kept, "copy.db"]);
    assert_eq!(report.bytes, std::fs::metadata(&copy).expect("there").len());

    let fresh = dir.path().join("fresh.db");
    assert_eq!(put_back(&copy, &fresh).expect("restores").safety_copy, None);
    assert_eq!(open(dir.path(), "fresh.db").query("SELECT 1 FROM note", &[]).expect("ok").len(), 3);
}

#[test]
fn a_restore_is_refused_while_another_process_has_the_database_open() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, copy) = (dir.path().join("app.db"), dir.path().join("copy.db"));
    back_up(&open(dir.path(), "app.db"), &copy, NEW).expect("backs up");
    let mut refused = None;
    play("keep open", &[&path], |_| refused = Some(put_back(&copy, &path)));
    assert!(matches!(refused, Some(Err(Error::Busy(_)))), "{refused:?}");
    assert!(!names(dir.path()).iter().any(|n| n.contains("before-restore") || n.contains(".tmp")));
    put_back(&copy, &path).expect("restores when it is closed");
}

#[test]
fn a_damaged_database_is_replaced_and_kept_with_its_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, copy) = (dir.path().join("app.db"), dir.path().join("copy.db"));
    let db = open(dir.path(), "app.db");
    add(&db, 5);
    back_up(&db, &copy, NEW).expect("backs up");
    db.close();
    play("die with a WAL", &[&path], |_| ());
    std::fs::write(&path, vec![7; 8192]).expect("damages");
    std::fs::write(dir.path().join("app.db-wal"), "torn").expect("damages");
    let kept = put_back(&copy, &path).expect("restores").safety_copy.expect("kept");
    assert_eq!(std::fs::read(&kept).expect("reads"), vec![7; 8192]);
    let log = PathBuf::from(format!("{}-wal", kept.display()));
    assert_eq!(std::fs::read(log).expect("reads"), b"torn");
    assert_eq!(count(&path), 5);
}

#[test]
fn what_is_no_whole_backup_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, copy) = (dir.path().join("app.db"), dir.path().join("copy.db"));
    let db = open(dir.path(), "app.db");
    add(&db, 200);
    back_up(&db, &copy, NEW).expect("backs up");
    db.close();
    let mut bytes = std::fs::read(&copy).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 9000].fill(255);
    for (name, content) in
        [("torn", &bytes[..]), ("text", b"no database, plainly".as_slice()), ("empty", b"")]
    {
        let bad = dir.path().join(name);
        std::fs::write(&bad, content).expect("writes");
        let before = names(dir.path());
        let error = put_back(&bad, &path).expect_err(name);
        assert!(matches!(error, Error::Corruption { .. }), "{name}: {error}");
        assert!(put_back(&bad, &dir.path().join("new.db")).is_err());
        assert_eq!((names(dir.path()), count(&path)), (before, 200), "{name}");
    }
    std::fs::write(&path, &bytes).expect("damages");
    let report = Database::open(&path).expect("opens").check(false, &Patience::unbounded());
    assert!(!report.expect("reports").problems.is_empty());
}

#[test]
fn a_crash_leaves_the_old_database_or_the_new_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let [path, three, five] = ["app.db", "3.db", "5.db"].map(|name| dir.path().join(name));
    let db = open(dir.path(), "app.db");
    for (rows, copy) in [(3, &three), (2, &five)] {
        add(&db, rows);
        back_up(&db, copy, NEW).expect("backs up");
    }
    db.close();
    for millis in (1..40).step_by(3) {
        play("restore for ever", &[&path, &three, &five], |child| {
            std::thread::sleep(Duration::from_millis(millis));
            child.kill().expect("kills");
        });
        let db = Database::open(&path).expect("opens");
        assert!(db.check(false, &Patience::unbounded()).expect("checks").ok());
        let rows = db.query("SELECT 1 FROM note", &[]).expect("reads").len();
        assert!(rows == 3 || rows == 5, "{rows} rows after {millis} ms");
    }
}

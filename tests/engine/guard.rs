//! Locks that nobody else in the process can drop, and files whose names lead elsewhere.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use holdfast::{BackupOptions, Database, Error, Mode, Options, Patience};

const SHARED: i64 = 0x4000_0002;
const WAL_WRITE: i64 = 120;
const SHM_ALIVE: i64 = 128;

fn beside(path: &Path, end: &str) -> PathBuf {
    PathBuf::from(format!("{}{end}", path.display()))
}

fn open(path: &Path) -> Database {
    let db = Database::open(path).expect("opens");
    db.execute("CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY, body)", &[]).expect("made");
    // A reader that is opened in the background may be the first to see that a file is lost.
    let begun = Instant::now();
    while db.stats().expect("counts").readers < 2 {
        assert!(begun.elapsed() < Duration::from_secs(30), "no second reader");
        std::thread::yield_now();
    }
    db
}

/// Whether a lock that is not this process's as a whole is in the way of writing a byte.
///
/// Asking opens the file and closes it again, which drops every lock that the process has.
fn is_locked(path: &Path, byte: i64) -> bool {
    let file = File::open(path).expect("opens");
    // SAFETY: all zero is a valid lock; the descriptor is open.
    unsafe {
        let mut lock: libc::flock = std::mem::zeroed();
        (lock.l_type, lock.l_start, lock.l_len) = (libc::F_WRLCK as libc::c_short, byte, 1);
        assert_eq!(libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut lock), 0);
        lock.l_type != libc::F_UNLCK as libc::c_short
    }
}

#[cfg(target_os = "linux")]
#[test]
fn locks_stay_when_somebody_opens_and_closes_the_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("app.db");
    let shm = beside(&path, "-shm");
    let db = open(&path);
    let transaction = db.transaction(Mode::Immediate).expect("begins");
    for _ in 0..3 {
        assert!(is_locked(&path, SHARED));
        assert!(is_locked(&shm, WAL_WRITE) && is_locked(&shm, SHM_ALIVE));
    }
    transaction.commit().expect("commits");
    assert!(!is_locked(&shm, WAL_WRITE), "the lock outlives its transaction");
    db.close();
    assert!(!is_locked(&path, SHARED), "the lock outlives the database");
    assert!(!shm.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn two_engines_of_a_file_share_its_locks() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("app.db");
    let db = open(&path);
    let read_only = Options { read_only: true, ..Options::default() };
    let reader = Database::open_with(&path, read_only).expect("opens");
    db.close();
    assert!(is_locked(&path, SHARED), "the reader lost its lock to the writer's close");
    assert!(reader.query("SELECT * FROM note", &[]).expect("reads").is_empty());
    let db = open(&path);
    db.execute("INSERT INTO note(body) VALUES (1)", &[]).expect("writes beside the reader");
    reader.close();
    assert!(is_locked(&path, SHARED));
}

#[test]
fn a_commit_to_a_file_without_its_name_is_an_error_and_can_be_saved() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("app.db");
    let db = open(&path);
    fs::rename(beside(&path, "-wal"), dir.path().join("elsewhere")).expect("renames");
    let insert = || db.execute("INSERT INTO note(body) VALUES (1)", &[]);
    let error = insert().expect_err("the log is gone");
    assert!(matches!(&error, Error::Moved { .. }), "{error}");
    assert!(error.to_string().contains("(-wal) was deleted or moved away"), "{error}");
    assert!(matches!(insert(), Err(Error::Moved { .. })));
    assert!(matches!(db.query("SELECT 1", &[]), Err(Error::Moved { .. })));
    let saved = dir.path().join("saved.db");
    let options = BackupOptions::default();
    db.backup(&saved, options, &Patience::unbounded(), &mut |_, _| ()).expect("saves");
    db.close();
    // The first of them was committed before it was found out.
    assert_eq!(open(&saved).query("SELECT * FROM note", &[]).expect("reads").len(), 1);
}

#[test]
fn a_name_that_comes_back_does_not_make_it_whole_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, other) = (dir.path().join("app.db"), dir.path().join("other.db"));
    let db = open(&path);
    fs::rename(&path, &other).expect("renames");
    assert!(matches!(
        db.execute("INSERT INTO note(body) VALUES (1)", &[]),
        Err(Error::Moved { .. })
    ));
    fs::rename(&other, &path).expect("renames");
    let error = db.execute("INSERT INTO note(body) VALUES (2)", &[]).expect_err("refused");
    assert!(matches!(&error, Error::Moved { .. }), "{error}");
    db.close();
    let rows = open(&path).query("SELECT * FROM note", &[]).expect("reads");
    assert_eq!(rows.len(), 1, "its log was kept, and has the commit");
}

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use holdfast::{
    BackupOptions, BackupReport, Database, Error, Patience, RestoreReport, Result, restore,
};

/// Tells a copy of this program which part it plays.
const PART: &str = "HOLDFAST_TEST_PART";
const NEW: BackupOptions = BackupOptions { overwrite: false };

fn open(dir: &Path, name: &str) -> Database {
    let db = Database::open(dir.join(name)).expect("opens");
    db.execute("CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY, body)", &[]).expect("ok");
    db
}

fn add(db: &Database, rows: i64) {
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
               INSERT INTO note(body) SELECT randomblob(2000) FROM n";
    db.execute(sql, &[rows.into()]).expect("fills");
}

fn count(path: &Path) -> i64 {
    let db = rusqlite::Connection::open(path).expect("opens");
    db.query_row("SELECT count(*) FROM note", [], |row| row.get(0)).expect("reads")
}

fn back_up(db: &Database, to: &Path, options: BackupOptions) -> Result<BackupReport> {
    db.backup(to, options, &Patience::unbounded(), &mut |_, _| ())
}

fn put_back(backup: &Path, to: &Path) -> Result<RestoreReport> {
    restore(backup, to, None, &Patience::unbounded(), &mut |_, _| ())
}

fn names(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("listed").file_name();
    let mut names: Vec<_> = std::fs::read_dir(dir).expect("lists").map(name).collect();
    names.sort();
    names.into_iter().map(|name| name.into_string().expect("text")).collect()
}

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
        assert!(matches!(error, Error::Corruption(_)), "{name}: {error}");
        assert!(put_back(&bad, &dir.path().join("new.db")).is_err());
        assert_eq!((names(dir.path()), count(&path)), (before, 200), "{name}");
    }
    std::fs::write(&path, &bytes).expect("damages");
    let report = Database::open(&path).expect("opens").check(false, &Patience::unbounded());
    assert!(!report.expect("reports").problems.is_empty());
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

/// Run a part in a process of its own; `meanwhile` runs once it says that it is ready.
fn play(part: &str, paths: &[&Path], meanwhile: impl FnOnce(&str)) -> String {
    let mut child = Command::new(std::env::current_exe().expect("known"))
        .args(["backup::another_process", "--exact", "--nocapture", "--test-threads=1"])
        .env(PART, part)
        .env("HOLDFAST_TEST_PATHS", std::env::join_paths(paths).expect("plain"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let said = lines.find_map(|line| line.ok()?.strip_prefix("said: ").map(str::to_owned));
    meanwhile(said.as_deref().unwrap_or_default());
    drop(child.stdin.take());
    child.wait().expect("ends");
    said.expect("said something")
}

#[test]
fn another_process() {
    let Ok(part) = std::env::var(PART) else { return };
    let paths = std::env::var_os("HOLDFAST_TEST_PATHS").expect("given");
    let paths: Vec<PathBuf> = std::env::split_paths(&paths).collect();
    let say = |what: &str| {
        println!("\nsaid: {what}");
        std::io::stdout().flush().expect("flushes");
    };
    match &*part {
        "full disk" => {
            let db = Database::open(paths[0].join("app.db")).expect("opens");
            // SAFETY: plain calls; the limit holds for this process alone.
            unsafe {
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                let limit = libc::rlimit { rlim_cur: 100_000, rlim_max: 100_000 };
                assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
            }
            say(&back_up(&db, &paths[1].join("copy.db"), NEW).expect_err("full").to_string());
        }
        "die with a WAL" => {
            let db = Database::open(&paths[0]).expect("opens");
            let rows = 7 - db.query("SELECT 1 FROM note", &[]).expect("reads").len() as i64;
            add(&db, rows);
            say("dying");
            // SAFETY: ends the process, as a kill would.
            unsafe { libc::_exit(0) };
        }
        "keep open" => {
            let db = Database::open(&paths[0]).expect("opens");
            db.query("SELECT 1 FROM note", &[]).expect("reads");
            say("open");
            let _ = std::io::stdin().read_line(&mut String::new());
        }
        other => panic!("{other}"),
    }
}

use super::*;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A test process of its own that runs [`child`] with this job.
fn spawn(job: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "migrate::processes::child", "--nocapture"])
        .env("HOLDFAST_TEST_JOB", job)
        .env("HOLDFAST_TEST_PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process")
}

const SLOW: &str = "INSERT INTO note(body)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
    SELECT 'row ' || i FROM n";
const ENDLESS: &str = "DELETE FROM note; INSERT INTO note(body)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT hex(randomblob(500)) FROM n";

/// Not a test by itself: what the processes of the other tests run.
#[test]
fn child() {
    let Ok(job) = std::env::var("HOLDFAST_TEST_JOB") else { return };
    let path = PathBuf::from(std::env::var_os("HOLDFAST_TEST_PATH").expect("a path"));
    // The parent lets all go at once by closing the pipe.
    std::io::stdin().read_to_end(&mut Vec::new()).expect("the start");
    match job.as_str() {
        "endless wal" | "endless delete" => {
            let db = open_mode(&path, job.trim_start_matches("endless "));
            let patience = Patience::new(None, &Announce);
            let options = MigrateOptions::default();
            let _ = db.migrate(&steps(&[NOTES, ENDLESS]), &options, &patience);
        }
        mode => {
            let db = open_mode(&path, mode);
            migrate_to_latest(&db, &steps(&[NOTES, TAGS, SLOW])).expect("migrates");
            assert_eq!(value(&db, "SELECT count(*) FROM note"), Value::Integer(50001));
        }
    }
}

/// Says when a statement has been running for a while.
struct Announce;

impl holdfast::Caller for Announce {
    fn proceed(&self) -> bool {
        println!("\nrunning");
        true
    }
}

fn sixteen_at_once(path: &Path, mode: &str) {
    let mut children: Vec<Child> = (0..16).map(|_| spawn(mode, path)).collect();
    children.iter_mut().for_each(|child| drop(child.stdin.take()));
    for child in children {
        let output = child.wait_with_output().expect("ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let db = open_mode(path, mode);
    assert_eq!(db.schema_version("app").expect("reads"), 3);
    let steps_recorded = value(&db, "SELECT count(*) FROM holdfast_migrations");
    assert_eq!(steps_recorded, Value::Integer(3));
    assert_eq!(value(&db, "PRAGMA integrity_check"), Value::Text("ok".into()));
}

#[test]
fn sixteen_processes_at_once_migrate_a_fresh_file_once() {
    for mode in ["wal", "delete"] {
        let (_dir, path) = place();
        sixteen_at_once(&path, mode);
        assert!(beside(&path).is_empty(), "{:?}", beside(&path));
    }
}

#[test]
fn sixteen_processes_at_once_migrate_an_old_file_once_with_one_backup() {
    for mode in ["wal", "delete"] {
        let (_dir, path) = place();
        migrate_to_latest(&open_mode(&path, mode), &steps(&[NOTES])).expect("migrates");
        sixteen_at_once(&path, mode);
        assert_eq!(beside(&path).len(), 1, "{:?}", beside(&path));
    }
}

fn wait_for(output: ChildStdout, line: &str) {
    let mut lines = BufReader::new(output).lines();
    assert!(lines.any(|found| found.expect("text") == line), "the process ended early");
}

#[test]
fn a_process_killed_in_the_middle_leaves_the_file_as_it_was() {
    for mode in ["wal", "delete"] {
        let (_dir, path) = place();
        migrate_to_latest(&open_mode(&path, mode), &steps(&[NOTES])).expect("migrates");
        let mut child = spawn(&format!("endless {mode}"), &path);
        drop(child.stdin.take());
        wait_for(child.stdout.take().expect("piped"), "running");
        child.kill().expect("kills");
        child.wait().expect("ends");
        let db = open_mode(&path, mode);
        assert_eq!(db.schema_version("app").expect("reads"), 1);
        assert_eq!(value(&db, "SELECT group_concat(body) FROM note"), "first".to_owned().into());
        assert_eq!(value(&db, "PRAGMA integrity_check"), Value::Text("ok".into()));
        migrate_to_latest(&db, &steps(&[NOTES, TAGS])).expect("migrates");
        assert_eq!(value(&db, "SELECT tag FROM note"), Value::Text("none".into()));
    }
}

#[test]
fn a_deadline_in_the_middle_leaves_the_file_as_it_was() {
    let (_dir, path) = place();
    let db = open(&path);
    migrate_to_latest(&db, &steps(&[NOTES])).expect("migrates");
    let patience = Patience::timeout(Duration::from_millis(200));
    let migrations = steps(&[NOTES, ENDLESS]);
    let error = db.migrate(&migrations, &MigrateOptions::default(), &patience).expect_err("ends");
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    assert_eq!(value(&db, "SELECT group_concat(body) FROM note"), Value::Text("first".into()));
    assert!(beside(&path).is_empty(), "{:?}", beside(&path));
    assert_keys_are_on(&db);
}

/// Holds SQLite's lock as another process would, for longer than the busy timeout.
struct Rival {
    lock: rusqlite::Connection,
    since: Instant,
}

impl holdfast::Caller for Rival {
    fn release(&self) {
        if self.since.elapsed() > Duration::from_millis(100) && !self.lock.is_autocommit() {
            self.lock.execute_batch("COMMIT").expect("commits");
        }
    }
}

#[test]
fn a_lock_that_outlasts_the_busy_timeout_is_waited_for() {
    let (_dir, path) = place();
    let mut options = Options::default();
    options.pragmas.set("busy_timeout", "10").expect("a pragma");
    let db = Database::open_with(&path, options).expect("opens");
    let lock = rusqlite::Connection::open(&path).expect("opens");
    lock.execute_batch("BEGIN IMMEDIATE").expect("begins");
    let rival = Rival { lock, since: Instant::now() };
    let patience = Patience::new(None, &rival);
    let report = db.migrate(&steps(&[NOTES]), &MigrateOptions::default(), &patience);
    assert_eq!(report.expect("migrates").to, 1);
}

#[test]
fn sixteen_threads_at_once_migrate_once() {
    let (_dir, path) = place();
    let db = open(&path);
    let migrations = steps(&[NOTES, TAGS]);
    let applied: usize = std::thread::scope(|scope| {
        let run = || migrate_to_latest(&db, &migrations).expect("migrates").applied.len();
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(applied, 2);
}

//! What the tests of backup and restore share, and the processes that they start.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use holdfast::{BackupOptions, BackupReport, Database, Patience, RestoreReport, Result, restore};

/// Tells a copy of this program which part it plays.
pub const PART: &str = "HOLDFAST_TEST_PART";
pub const NEW: BackupOptions = BackupOptions { overwrite: false };

pub fn open(dir: &Path, name: &str) -> Database {
    let db = Database::open(dir.join(name)).expect("opens");
    db.execute("CREATE TABLE IF NOT EXISTS note(id INTEGER PRIMARY KEY, body)", &[]).expect("ok");
    db
}

pub fn add(db: &Database, rows: i64) {
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
               INSERT INTO note(body) SELECT randomblob(2000) FROM n";
    db.execute(sql, &[rows.into()]).expect("fills");
}

pub fn count(path: &Path) -> i64 {
    let db = rusqlite::Connection::open(path).expect("opens");
    db.query_row("SELECT count(*) FROM note", [], |row| row.get(0)).expect("reads")
}

pub fn back_up(db: &Database, to: &Path, options: BackupOptions) -> Result<BackupReport> {
    db.backup(to, options, &Patience::unbounded(), &mut |_, _| ())
}

pub fn put_back(backup: &Path, to: &Path) -> Result<RestoreReport> {
    restore(backup, to, None, &Patience::unbounded(), &mut |_, _| ())
}

pub fn names(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("listed").file_name();
    let mut names: Vec<_> = std::fs::read_dir(dir).expect("lists").map(name).collect();
    names.sort();
    names.into_iter().map(|name| name.into_string().expect("text")).collect()
}

/// Run a part in a process of its own; `meanwhile` runs once it says that it is ready.
pub fn play(part: &str, paths: &[&Path], meanwhile: impl FnOnce(&mut Child)) -> String {
    let mut child = Command::new(std::env::current_exe().expect("known"))
        .args(["copies::another_process", "--exact", "--nocapture", "--test-threads=1"])
        .env(PART, part)
        .env("HOLDFAST_TEST_PATHS", std::env::join_paths(paths).expect("plain"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let said = lines.find_map(|line| line.ok()?.strip_prefix("said: ").map(str::to_owned));
    meanwhile(&mut child);
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
        "restore for ever" => {
            say("restoring");
            for copy in paths[1..].iter().cycle() {
                let db = Database::open(&paths[0]).expect("opens");
                db.execute("UPDATE note SET body = zeroblob(2000)", &[]).expect("writes");
                db.close();
                put_back(copy, &paths[0]).expect("restores");
            }
        }
        other => panic!("{other}"),
    }
}

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use holdfast::{
    Database, Error, Options, Patience, VacuumStats, run_vacuum_cycle, spawn_vacuum_daemon,
};

fn options(vacuum_every: Option<Duration>) -> Options {
    Options { vacuum_every, ..Options::default() }
}

/// A table of `rows` rows with blobs of `size` bytes.
fn fill(db: &Database, rows: i64, size: i64) {
    db.execute("CREATE TABLE data(id INTEGER PRIMARY KEY, body BLOB)", &[]).expect("creates");
    db.write(&Patience::unbounded(), |c| {
        c.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO data(body) SELECT randomblob(?2) FROM n",
            &[rows.into(), size.into()],
        )
    })
    .expect("fills");
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).expect("exists").len()
}

fn wait(what: &str, limit: Duration, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < limit, "in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_cycle_frees_as_many_pages_as_asked_and_tells_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Database::open_with(dir.path().join("app.db"), options(None)).expect("opens");
    fill(&db, 100, 40_000);
    db.execute("DELETE FROM data", &[]).expect("deletes");
    let before = db.vacuum_stats().expect("reads");
    let stats = db.vacuum(20, &Patience::unbounded()).expect("vacuums");
    assert_eq!(stats.pages_before, before.pages_after);
    // A page of the free list's own may go with them.
    assert!((20..=22).contains(&(stats.pages_before - stats.pages_after)), "{stats:?}");
    assert_eq!(stats.free_after, stats.free_before - (stats.pages_before - stats.pages_after));
    assert_eq!(stats.reclaimed(), stats.size_before() - stats.size_after());
    let rest = db.vacuum(0, &Patience::unbounded()).expect("vacuums");
    assert_eq!((rest.free_after, rest.free_bytes_after()), (0, 0));
    let (_, last) = db.last_vacuum().expect("open").expect("was just now");
    assert_eq!(last, rest);
    assert_eq!(db.vacuum(0, &Patience::unbounded()).expect("nothing to do").reclaimed(), 0);
    wait("the file to shrink", Duration::from_secs(5), || size(db.path()) == rest.size_after());
}

#[test]
fn a_cycle_inside_a_transaction_is_undone_with_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Database::open_with(dir.path().join("app.db"), options(None)).expect("opens");
    fill(&db, 20, 40_000);
    db.execute("DELETE FROM data", &[]).expect("deletes");
    let before = db.vacuum_stats().expect("reads");
    let tx = db.transaction(holdfast::Mode::Immediate).expect("begins");
    let stats = run_vacuum_cycle(tx.connection().expect("stands"), 10).expect("vacuums");
    assert!(stats.reclaimed() > 0);
    tx.rollback().expect("rolls back");
    assert_eq!(db.vacuum_stats().expect("reads"), before);
}

#[test]
fn a_full_vacuum_converts_an_old_file_under_its_readers() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("app.db");
    let mut old = options(None);
    old.pragmas.set("auto_vacuum", "none").expect("plain");
    let db = Database::open_with(&path, old).expect("opens");
    fill(&db, 100, 40_000);
    db.execute("DELETE FROM data WHERE id > 1", &[]).expect("deletes");
    let patience = Patience::unbounded();
    let reader = db.reader(&patience).expect("a reader from before");
    assert_eq!(db.vacuum(0, &patience).expect("nothing can go").reclaimed(), 0);
    let refused = Database::open_with(&path, options(None)).map(drop).expect_err("another mode");
    assert!(matches!(refused, Error::Pragma(_)), "{refused}");

    let stats = db.vacuum_full(&patience).expect("converts");
    assert!(stats.reclaimed() > 3_000_000 && stats.free_after == 0, "{stats:?}");
    assert_eq!(size(&path), stats.size_after());
    drop(reader);
    let is = ("auto_vacuum".to_owned(), "incremental".to_owned());
    let readers: Vec<_> = (0..10).map(|_| db.reader(&patience).expect("new ones open")).collect();
    drop(readers);
    for _ in 0..10 {
        assert!(db.pragmas().expect("reads").contains(&is));
    }
    let temp_store = |c: &holdfast::Connection| c.query("PRAGMA temp_store", &[]);
    assert_eq!(db.write(&patience, temp_store).expect("reads"), [[2.into()]]);
    Database::open_with(&path, options(None)).map(drop).expect("shares the engine now");
    db.close();
    Database::open_with(&path, options(None)).map(drop).expect("stays converted");
}

#[test]
fn the_daemon_of_a_database_starts_with_a_write_and_ends_with_the_close() {
    let dir = tempfile::tempdir().expect("a directory");
    let every = Some(Duration::from_millis(20));
    let db = Database::open_with(dir.path().join("app.db"), options(every)).expect("opens");
    fill(&db, 100, 40_000);
    db.execute("DELETE FROM data", &[]).expect("deletes");
    wait("the report", Duration::from_secs(5), || db.last_vacuum().is_ok_and(|l| l.is_some()));
    wait("the file to shrink", Duration::from_secs(5), || size(db.path()) < 100_000);
    let begun = Instant::now();
    db.close();
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_daemon_survives_a_lock_that_another_process_keeps() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut busy = options(None);
    busy.retry = holdfast::RetryPolicy::none();
    let db = Database::open_with(dir.path().join("app.db"), busy).expect("opens");
    fill(&db, 50, 40_000);
    db.execute("DELETE FROM data", &[]).expect("deletes");
    // A connection of its own stands for the other process: SQLite's lock is the same.
    let other = rusqlite::Connection::open(db.path()).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");
    let daemon = spawn_vacuum_daemon(&db, Duration::from_millis(5)).expect("starts");
    let tried = db.vacuum(1, &Patience::timeout(Duration::from_millis(50)));
    assert!(matches!(tried, Err(Error::Busy(_))), "{tried:?}");
    other.execute_batch("ROLLBACK").expect("unlocks");
    wait("the free pages", Duration::from_secs(5), || {
        db.vacuum_stats().is_ok_and(|stats| stats.free_after == 0)
    });
    daemon.stop();
}

#[test]
fn a_mostly_dead_file_shrinks_while_a_writer_keeps_committing() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Database::open_with(dir.path().join("app.db"), options(None)).expect("opens");
    fill(&db, 4_000, 40_000);
    db.execute("CREATE TABLE tick(id INTEGER PRIMARY KEY, n INTEGER)", &[]).expect("creates");
    db.execute("DELETE FROM data WHERE id % 100 <> 0", &[]).expect("deletes");
    let full = db.vacuum_stats().expect("reads").size_before();
    wait("the checkpoint", Duration::from_secs(60), || size(db.path()) > 150_000_000);

    let (stop, ticks) = (AtomicBool::new(false), AtomicU64::new(0));
    let (longest, begun, stats): (Duration, Instant, VacuumStats) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !stop.load(Ordering::Relaxed) {
                let begun = Instant::now();
                db.execute("INSERT OR REPLACE INTO tick VALUES (1, abs(random()))", &[])
                    .expect("writes");
                longest = longest.max(begun.elapsed());
                ticks.fetch_add(1, Ordering::Relaxed);
            }
            longest
        });
        let begun = Instant::now();
        let daemon = spawn_vacuum_daemon(&db, Duration::from_secs(3600)).expect("starts");
        daemon.trigger();
        wait("the report", Duration::from_secs(60), || db.last_vacuum().is_ok_and(|l| l.is_some()));
        wait("the file to shrink", Duration::from_secs(60), || size(db.path()) < 5_000_000);
        stop.store(true, Ordering::Relaxed);
        let (_, stats) = db.last_vacuum().expect("open").expect("was");
        (writer.join().expect("no panic"), begun, stats)
    });
    println!(
        "{full} bytes to {} in {:?}, {ticks:?} commits meanwhile, the slowest {longest:?}; {stats:?}",
        size(db.path()),
        begun.elapsed()
    );
    assert!(ticks.load(Ordering::Relaxed) > 50);
    assert!(db.check(false, &Patience::unbounded()).expect("checks").ok());
}

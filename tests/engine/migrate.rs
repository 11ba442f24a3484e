mod adopt;
mod dry_run;
mod processes;
mod rebuild;
mod steps;

use std::path::{Path, PathBuf};

use holdfast::{
    Database, Error, MigrateOptions, MigrationReport, Migrations, Options, Patience, Step, Value,
    migrate_to_latest,
};

const NOTES: &str = "CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT);
    INSERT INTO note(body) VALUES ('first')";
const TAGS: &str = "ALTER TABLE note ADD COLUMN tag TEXT; UPDATE note SET tag = 'none'";

fn steps(texts: &[&str]) -> Migrations {
    try_steps(texts).expect("steps")
}

fn try_steps(texts: &[&str]) -> Result<Migrations, Error> {
    Migrations::from_steps(texts.iter().zip(1..).map(|(sql, version)| Step {
        version,
        name: format!("step{version}"),
        sql: (*sql).to_owned(),
    }))
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("app.db");
    (dir, path)
}

fn open(path: &Path) -> Database {
    Database::open(path).expect("opens")
}

fn open_mode(path: &Path, journal_mode: &str) -> Database {
    let mut options = Options::default();
    options.pragmas.set("journal_mode", journal_mode).expect("a pragma");
    Database::open_with(path, options).expect("opens")
}

fn migrate_with(
    db: &Database,
    m: &Migrations,
    o: MigrateOptions,
) -> Result<MigrationReport, Error> {
    db.migrate(m, &o, &Patience::unbounded())
}

fn value(db: &Database, sql: &str) -> Value {
    db.query(sql, &[]).expect("reads")[0][0].clone()
}

/// The names beside the database, without those of the database itself.
fn beside(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path.parent().expect("a directory"))
        .expect("reads")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| !matches!(name.as_str(), "app.db" | "app.db-wal" | "app.db-shm"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_fresh_file_gets_every_step_and_no_backup() {
    let (_dir, path) = place();
    let db = open(&path);
    let report = migrate_to_latest(&db, &steps(&[NOTES, TAGS])).expect("migrates");
    assert_eq!((report.from, report.to, report.applied.len()), (0, 2, 2));
    assert_eq!(report.applied[1].name, "step2");
    assert_eq!((report.backup, report.adopted, report.dry_run), (None, false, false));
    assert_eq!(db.schema_version("app").expect("reads"), 2);
    assert_eq!(value(&db, "PRAGMA user_version"), Value::Integer(2));
    assert_eq!(value(&db, "PRAGMA foreign_keys"), Value::Integer(1));
    assert!(beside(&path).is_empty());
}

#[test]
fn migrating_again_does_nothing_and_takes_no_lock() {
    let (_dir, path) = place();
    let db = open(&path);
    let migrations = steps(&[NOTES, TAGS]);
    migrate_to_latest(&db, &migrations).expect("migrates");
    let _held = db.transaction(holdfast::Mode::Immediate).expect("begins");
    let report = migrate_to_latest(&db, &migrations).expect("reads only");
    assert_eq!((report.from, report.to, report.applied.len()), (2, 2, 0));
}

#[test]
fn a_populated_file_is_backed_up_before_and_the_backup_stands_alone() {
    for mode in ["wal", "delete"] {
        let (_dir, path) = place();
        let db = open_mode(&path, mode);
        migrate_to_latest(&db, &steps(&[NOTES])).expect("migrates");
        let report = migrate_to_latest(&db, &steps(&[NOTES, TAGS])).expect("migrates");
        let backup = report.backup.expect("a backup");
        let name = backup.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(name.starts_with("app.db.before-v2-"), "{name}");
        assert_eq!(beside(&path), [name], "{mode}");
        let old = open(&backup);
        assert_eq!(old.schema_version("app").expect("reads"), 1);
        assert_eq!(value(&old, "SELECT body FROM note"), Value::Text("first".into()));
        assert_eq!(value(&db, "SELECT tag FROM note"), Value::Text("none".into()));
    }
}

#[test]
fn a_failing_step_leaves_the_file_as_it_was() {
    let (_dir, path) = place();
    let db = open(&path);
    migrate_to_latest(&db, &steps(&[NOTES])).expect("migrates");
    let broken = "DELETE FROM note; INSERT INTO nowhere VALUES (1); DROP TABLE note";
    let error = migrate_to_latest(&db, &steps(&[NOTES, TAGS, broken])).expect_err("fails");
    assert!(matches!(error, Error::Migration(_)), "{error}");
    let text = error.to_string();
    for part in ["0003_step3", "no such table: nowhere", "INSERT INTO nowhere VALUES (1);"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(db.schema_version("app").expect("reads"), 1);
    assert_eq!(value(&db, "SELECT count(*) FROM note"), Value::Integer(1));
    assert_eq!(value(&db, "SELECT count(*) FROM pragma_table_info('note')"), Value::Integer(2));
    assert!(beside(&path).is_empty(), "{:?}", beside(&path));
    assert_keys_are_on(&db);
    migrate_to_latest(&db, &steps(&[NOTES, TAGS])).expect("migrates after");
}

/// Foreign keys are on for the writing connection, which is what counts.
fn assert_keys_are_on(db: &Database) {
    let writer = db.writer(&Patience::unbounded()).expect("the lane");
    assert_eq!(writer.query("PRAGMA foreign_keys", &[]).expect("reads")[0][0], Value::Integer(1));
    assert!(writer.is_idle());
}

#[test]
fn a_panic_in_a_migration_leaves_the_file_as_it_was_and_the_lane_usable() {
    struct Panics;
    impl holdfast::Caller for Panics {
        fn release(&self) {
            if std::thread::current().name() == Some("panics") {
                PANIC.with(|armed| assert!(!armed.get(), "on purpose"));
                PANIC.with(|armed| armed.set(true));
            }
        }
    }
    thread_local!(static PANIC: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });

    let (_dir, path) = place();
    let db = open(&path);
    migrate_to_latest(&db, &steps(&[NOTES])).expect("migrates");
    // Large enough that the backup, made with the lane and the lock held, asks its caller.
    db.execute("INSERT INTO note(body) VALUES (zeroblob(20000000))", &[]).expect("writes");
    std::thread::scope(|scope| {
        let run = || {
            let patience = Patience::new(None, &Panics);
            let migrations = steps(&[NOTES, TAGS]);
            db.migrate(&migrations, &MigrateOptions::default(), &patience)
        };
        let thread = std::thread::Builder::new().name("panics".into());
        let result = thread.spawn_scoped(scope, run).expect("a thread").join();
        assert!(result.is_err());
    });
    assert_keys_are_on(&db);
    assert!(beside(&path).is_empty(), "{:?}", beside(&path));
    migrate_to_latest(&db, &steps(&[NOTES, TAGS])).expect("migrates after");
}

#[test]
fn components_share_a_file_and_keep_their_own_versions() {
    let (_dir, path) = place();
    let db = open(&path);
    let jobs = steps(&["CREATE TABLE job(id INTEGER PRIMARY KEY)"]).component("jobs");
    assert_eq!(migrate_to_latest(&db, &jobs).expect("migrates").component, "jobs");
    assert_eq!(value(&db, "PRAGMA user_version"), Value::Integer(0));
    migrate_to_latest(&db, &steps(&[NOTES, TAGS])).expect("migrates");
    assert_eq!(db.schema_version("jobs").expect("reads"), 1);
    assert_eq!(db.schema_version("app").expect("reads"), 2);
    assert_eq!(db.schema_version("other").expect("reads"), 0);
}

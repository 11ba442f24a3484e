//! The two sides: the same work, by the same SQL, on the same rows.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use holdfast::{
    Database, Mode, Options, Patience, Pragmas, Profile, Reader, Value, ValueRef, batch_insert,
    execute_in_transaction, upsert,
};
use tempfile::TempDir;

/// Rows of the table that is read.
pub const ROWS: i64 = 100_000;

const SCHEMA: &str = "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL, count INTEGER);
     CREATE TABLE log(id INTEGER PRIMARY KEY, name TEXT NOT NULL, count INTEGER);
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
     INSERT INTO item SELECT i, printf('item %06d of a hundred thousand', i), 0 FROM n;";
const WRITE: &str = "INSERT INTO item(id, name, count) VALUES (?, 'new', ?) \
                     ON CONFLICT(id) DO UPDATE SET count = excluded.count";
const READ: &str = "SELECT id, name, count FROM item WHERE id = ?";
const SCAN: &str = "SELECT id, name, count FROM item";

/// A row, decoded.
pub type Typed = (i64, String, i64);

/// What both sides do.
pub trait Side: Sync {
    /// Change one row in a transaction of its own.
    fn write(&self, key: i64, count: i64);
    /// Insert rows in one transaction.
    fn insert_batch(&self, rows: u64);
    /// Read one row by its key.
    fn read(&self, key: i64) -> Typed;
    /// Read all rows.
    fn scan(&self) -> Vec<Typed>;
}

/// A file with the rows, on the disk that cargo builds on: a temporary directory may be memory.
fn file() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let path = directory.path().join("bench.db");
    (directory, path)
}

/// One connection behind a mutex, in rollback-journal mode.
pub struct Old {
    connection: Arc<Mutex<rusqlite::Connection>>,
    _directory: TempDir,
}

impl Old {
    pub fn open(synchronous: &str) -> Self {
        let (directory, path) = file();
        let connection = rusqlite::Connection::open(path).expect("opens");
        connection.pragma_update(None, "journal_mode", "delete").expect("rollback journal");
        connection.pragma_update(None, "synchronous", synchronous).expect("known");
        connection.execute_batch(SCHEMA).expect("fills");
        Old { connection: Arc::new(Mutex::new(connection)), _directory: directory }
    }

    fn lock(&self) -> MutexGuard<'_, rusqlite::Connection> {
        self.connection.lock().expect("no panic")
    }
}

fn typed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Typed> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

impl Side for Old {
    fn write(&self, key: i64, count: i64) {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(WRITE).expect("prepares");
        statement.execute((key, count)).expect("writes");
    }

    fn insert_batch(&self, rows: u64) {
        let mut connection = self.lock();
        let transaction = connection.transaction().expect("begins");
        {
            let sql = "INSERT INTO log(name, count) VALUES (?, ?)";
            let mut statement = transaction.prepare_cached(sql).expect("prepares");
            for row in 0..rows {
                statement.execute(("a line of the log", row as i64)).expect("writes");
            }
        }
        transaction.commit().expect("commits");
    }

    fn read(&self, key: i64) -> Typed {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(READ).expect("prepares");
        statement.query_row([key], typed).expect("is there")
    }

    fn scan(&self) -> Vec<Typed> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(SCAN).expect("prepares");
        let rows = statement.query_map([], typed).expect("reads");
        rows.collect::<rusqlite::Result<_>>().expect("reads")
    }
}

/// A database of this crate.
pub struct New {
    db: Database,
    _directory: TempDir,
}

impl New {
    pub fn open(profile: &str) -> Self {
        let (directory, path) = file();
        let pragmas = Pragmas::of(profile.parse().expect("known"));
        let db =
            Database::open_with(path, Options { pragmas, ..Options::default() }).expect("opens");
        for sql in SCHEMA.split_inclusive(';') {
            db.execute(sql, &[]).expect("fills");
        }
        New { db, _directory: directory }
    }

    pub fn reader(&self) -> Reader {
        self.db.reader(&Patience::unbounded()).expect("a reader")
    }

    pub fn write_by_verb(&self, key: i64, count: i64) {
        let row = [("id", key.into()), ("name", "new".to_owned().into()), ("count", count.into())];
        self.db
            .write(&Patience::unbounded(), |c| upsert(c, "item", &row, &["id"]))
            .expect("writes");
    }

    pub fn read_by_query(&self, key: i64) -> Vec<Vec<Value>> {
        let rows = self.db.query(READ, &[key.into()]).expect("reads");
        assert_eq!(rows.len(), 1);
        rows
    }
}

fn decode(statement: &holdfast::Statement) -> Typed {
    let text = statement.column(1).as_str().expect("text").to_owned();
    (statement.column(0).as_i64().expect("int"), text, statement.column(2).as_i64().expect("int"))
}

/// Read one row by its key on a reader that is checked out already.
pub fn read_one(reader: &Reader, key: i64) -> Typed {
    let mut statement = reader.statement(READ).expect("prepares");
    statement.bind(reader, 1, ValueRef::Integer(key)).expect("binds");
    assert!(statement.step(reader).expect("reads"));
    decode(&statement)
}

impl Side for New {
    fn write(&self, key: i64, count: i64) {
        self.db.execute(WRITE, &[key.into(), count.into()]).expect("writes");
    }

    fn insert_batch(&self, rows: u64) {
        execute_in_transaction(&self.db, Mode::Immediate, |tx| {
            let name = Value::from("a line of the log".to_owned());
            let rows = (0..rows).map(|row| [name.clone(), Value::Integer(row as i64)]);
            batch_insert(tx.connection()?, "log", &["name", "count"], rows)
        })
        .expect("writes");
    }

    fn read(&self, key: i64) -> Typed {
        read_one(&self.reader(), key)
    }

    fn scan(&self) -> Vec<Typed> {
        let reader = self.reader();
        let mut statement = reader.statement(SCAN).expect("prepares");
        let mut rows = Vec::new();
        while statement.step(&reader).expect("reads") {
            rows.push(decode(&statement));
        }
        rows
    }
}

/// Keep a fact for the report beside criterion's figures.
fn note(name: &str, text: &str) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-engine");
    std::fs::create_dir_all(&directory).expect("a directory");
    std::fs::write(directory.join(name), text).expect("writes");
}

/// Note how often the writer of a side committed while it was read.
pub fn note_commits(work: &str, side: &str, commits: u64, measured: Duration) {
    if !measured.is_zero() {
        note(
            &format!("commits-{work}-{side}"),
            &format!("{:.0}", commits as f64 / measured.as_secs_f64()),
        );
    }
}

/// Note the SQLite and the settings of each side, as they are read back.
pub fn describe() {
    note("sqlite", rusqlite::version());
    for (name, synchronous) in [("old", "full"), ("old-normal", "normal")] {
        let old = Old::open(synchronous);
        let connection = old.lock();
        let settings: Vec<String> = Pragmas::of(Profile::Balanced)
            .iter()
            .filter_map(|(pragma, _)| {
                let get = |row: &rusqlite::Row<'_>| row.get::<_, Value>(0);
                let value = connection.pragma_query_value(None, pragma, get).ok()?;
                Some(format!("{pragma} {}", shown(&value)))
            })
            .collect();
        note(&format!("settings-{name}"), &settings.join(", "));
    }
    for (name, profile) in [("new", "balanced"), ("new-durable", "durable")] {
        let pragmas = New::open(profile).db.pragmas().expect("reads");
        let settings: Vec<String> = pragmas.iter().map(|(k, v)| format!("{k} {v}")).collect();
        note(&format!("settings-{name}"), &settings.join(", "));
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

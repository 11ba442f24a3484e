use super::*;

const FAMILY: &str = "
    CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE child(id INTEGER PRIMARY KEY,
        parent INTEGER REFERENCES parent(id) ON DELETE CASCADE);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
        INSERT INTO parent SELECT i, 'p' || i FROM n;
    INSERT INTO child(parent) SELECT id FROM parent;";
const REBUILD: &str = "
    CREATE TABLE parent_new(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    INSERT INTO parent_new SELECT id, name FROM parent;
    DROP TABLE parent;
    ALTER TABLE parent_new RENAME TO parent;";

fn count(db: &Database, table: &str) -> i64 {
    match value(db, &format!("SELECT count(*) FROM {table}")) {
        Value::Integer(n) => n,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rebuilt_parent_table_takes_no_children_with_it() {
    for mode in ["wal", "delete"] {
        let (_dir, path) = place();
        let db = open_mode(&path, mode);
        migrate_to_latest(&db, &steps(&[FAMILY])).expect("migrates");
        migrate_to_latest(&db, &steps(&[FAMILY, REBUILD])).expect("migrates");
        assert_eq!((count(&db, "parent"), count(&db, "child")), (1000, 1000));
        db.execute("DELETE FROM parent WHERE id <= 10", &[]).expect("deletes");
        assert_eq!(count(&db, "child"), 990, "keys are enforced again");
        assert_keys_are_on(&db);
    }
}

#[test]
fn a_step_that_breaks_a_reference_is_refused() {
    let (_dir, path) = place();
    let db = open(&path);
    migrate_to_latest(&db, &steps(&[FAMILY])).expect("migrates");
    let breaking = steps(&[FAMILY, "DELETE FROM parent WHERE id = 7"]);
    let error = migrate_to_latest(&db, &breaking).expect_err("breaks");
    assert!(matches!(error, Error::Migration(_)), "{error:?}");
    assert!(error.to_string().contains("1 rows of \"child\""), "{error}");
    assert_eq!((count(&db, "parent"), count(&db, "child")), (1000, 1000));
    assert_keys_are_on(&db);
}

#[test]
fn a_database_opened_without_foreign_keys_is_not_checked_and_stays_without() {
    let (_dir, path) = place();
    let mut options = Options::default();
    options.pragmas.set("foreign_keys", "off").expect("a pragma");
    let db = Database::open_with(&path, options).expect("opens");
    migrate_to_latest(&db, &steps(&[FAMILY, "DELETE FROM parent WHERE id = 7"])).expect("migrates");
    let writer = db.writer(&Patience::unbounded()).expect("the lane");
    assert_eq!(writer.query("PRAGMA foreign_keys", &[]).expect("reads")[0][0], Value::Integer(0));
}

#[test]
fn references_that_were_broken_before_do_not_count_but_new_ones_do() {
    let (_dir, path) = place();
    migrate_to_latest(&open(&path), &steps(&[FAMILY])).expect("migrates");
    let raw = rusqlite::Connection::open(&path).expect("opens");
    raw.execute_batch(
        "PRAGMA foreign_keys = off; DELETE FROM parent WHERE id IN (3, 4);
        CREATE TABLE odd(x REFERENCES child(parent)); INSERT INTO odd VALUES (1)",
    )
    .expect("breaks");
    drop(raw);
    let db = open(&path);
    migrate_to_latest(&db, &steps(&[FAMILY, REBUILD])).expect("old ones do not count");
    let swap = "DELETE FROM child WHERE parent = 3; DELETE FROM parent WHERE id = 5";
    let error = migrate_to_latest(&db, &steps(&[FAMILY, REBUILD, swap])).expect_err("a new one");
    assert!(error.to_string().contains("rowid 5"), "{error}");
}

#[test]
fn every_kind_of_schema_works_in_steps() {
    let (_dir, path) = place();
    let db = open(&path);
    let kinds = "
        CREATE TABLE plain(k TEXT PRIMARY KEY, v INT, twice INT GENERATED ALWAYS AS (v * 2) STORED)
            WITHOUT ROWID;
        CREATE VIRTUAL TABLE search USING fts5(body);
        CREATE VIEW seen AS SELECT k FROM plain;
        CREATE INDEX by_v ON plain(v) WHERE v > 1;
        INSERT INTO plain(k, v) VALUES ('a', 2);
        INSERT INTO search VALUES ('hold fast');
        CREATE TABLE scratch AS SELECT * FROM plain; DROP TABLE scratch;
        ANALYZE; REINDEX;";
    let change = "
        ALTER TABLE plain RENAME COLUMN v TO worth;
        DROP VIEW seen;
        CREATE TABLE plain_new(k TEXT PRIMARY KEY, worth INT) STRICT, WITHOUT ROWID;
        INSERT INTO plain_new SELECT k, worth FROM plain;
        DROP TABLE plain; ALTER TABLE plain_new RENAME TO plain;
        CREATE VIEW seen AS SELECT k, worth FROM plain;
        DROP TABLE search;";
    migrate_to_latest(&db, &steps(&[kinds])).expect("migrates");
    assert_eq!(value(&db, "SELECT twice FROM plain"), Value::Integer(4));
    assert_eq!(value(&db, "SELECT body FROM search('fast')"), "hold fast".to_owned().into());
    migrate_to_latest(&db, &steps(&[kinds, change])).expect("migrates");
    assert_eq!(value(&db, "SELECT worth FROM seen"), Value::Integer(2));
}

#[test]
fn a_view_in_the_way_of_a_rebuild_is_explained() {
    let (_dir, path) = place();
    let db = open(&path);
    let family = format!("{FAMILY} CREATE VIEW names AS SELECT name FROM parent;");
    migrate_to_latest(&db, &steps(&[&family])).expect("migrates");
    let error = migrate_to_latest(&db, &steps(&[&family, REBUILD])).expect_err("a view");
    assert!(error.to_string().contains("drop what refers to the table"), "{error}");
}

#[test]
fn statements_of_open_readers_see_the_new_schema() {
    let (_dir, path) = place();
    let db = open(&path);
    migrate_to_latest(&db, &steps(&[NOTES])).expect("migrates");
    let readers: Vec<_> =
        (0..3).map(|_| db.reader(&Patience::unbounded()).expect("a reader")).collect();
    let all = |r: &holdfast::Reader| r.query("SELECT * FROM note", &[]).expect("reads")[0].len();
    assert!(readers.iter().all(|reader| all(reader) == 2));
    migrate_to_latest(&db, &steps(&[NOTES, TAGS])).expect("migrates");
    assert!(readers.iter().all(|reader| all(reader) == 3));
}

//! Which statements are expected to be long.

use holdfast::{Database, Patience};

fn open() -> (tempfile::TempDir, Database) {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Database::open(dir.path().join("app.db")).expect("opens");
    db.execute("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT)", &[]).expect("creates");
    db.execute("CREATE VIRTUAL TABLE words USING fts5(body)", &[]).expect("creates");
    (dir, db)
}

fn may_block(db: &Database, sql: &str) -> bool {
    let writer = db.writer(&Patience::unbounded()).expect("the lane");
    writer.statement(sql).expect(sql).may_block(&writer)
}

#[test]
fn a_plan_with_a_step_that_cannot_be_interrupted_may_block() {
    let (_dir, db) = open();
    for sql in [
        "SELECT * FROM note ORDER BY body",
        "SELECT DISTINCT body FROM note GROUP BY body, id % 2",
        "SELECT count(*) FROM note",
        "SELECT rowid FROM words WHERE words MATCH 'a'",
        "SELECT replace(body, 'a', 'b') FROM note",
        "SELECT hex(randomblob(?))",
        "INSERT INTO words(body) VALUES ('a')",
        "DELETE FROM note",
        "CREATE INDEX by_body ON note(body)",
        "DROP TABLE note",
    ] {
        assert!(may_block(&db, sql), "{sql}");
    }
}

#[test]
fn a_plan_of_short_steps_does_not_block() {
    let (_dir, db) = open();
    for sql in [
        "SELECT * FROM note WHERE id = ?",
        "SELECT * FROM note ORDER BY id DESC",
        "SELECT * FROM note WHERE body LIKE '%a%' LIMIT 1",
        "SELECT max(id), min(id), sum(id), total(id), group_concat(body) FROM note",
        "SELECT count(*) FROM note WHERE id > 3",
        "SELECT json_extract(body, '$.a'), lower(body), date('now') FROM note",
        "INSERT INTO note(body) VALUES (?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        "UPDATE note SET body = upper(body) WHERE id = 1",
    ] {
        assert!(!may_block(&db, sql), "{sql}");
    }
}

#[test]
fn a_write_is_bounded_unless_it_goes_round_for_rows() {
    let (_dir, db) = open();
    let writer = db.writer(&Patience::unbounded()).expect("the lane");
    for (sql, bounded) in [
        ("INSERT INTO note(body) VALUES (?)", true),
        ("INSERT INTO note(body) VALUES (1), (2), (3)", true),
        ("INSERT INTO note(body) VALUES (?) ON CONFLICT (id) DO UPDATE SET body = 1", true),
        ("UPDATE note SET body = upper(body) WHERE id = 1", true),
        ("DELETE FROM note WHERE id = ?", true),
        ("UPDATE note SET body = 1", false),
        ("INSERT INTO note(body) SELECT body FROM note", false),
        (
            "INSERT INTO note(body) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
             SELECT i FROM n",
            false,
        ),
        (
            "INSERT INTO note(body) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
             SELECT count(*) FROM n",
            false,
        ),
    ] {
        assert_eq!(writer.statement(sql).expect(sql).is_bounded(&writer), bounded, "{sql}");
    }
}

#[test]
fn a_recursion_and_the_work_of_a_trigger_or_a_key_are_loops() {
    let (_dir, db) = open();
    db.execute("CREATE TABLE tag(note REFERENCES note ON DELETE CASCADE)", &[]).expect("creates");
    let trigger = "CREATE TRIGGER all_of_them AFTER UPDATE ON note \
                   BEGIN UPDATE tag SET note = note; END";
    db.execute(trigger, &[]).expect("creates");
    let recursion = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)";
    let writer = db.writer(&Patience::unbounded()).expect("the lane");
    let is_bounded = |sql: &str| writer.statement(sql).expect(sql).is_bounded(&writer);
    for sql in [
        &format!("{recursion} SELECT sum(i) FROM n"),
        &format!("INSERT INTO note(id) {recursion} SELECT sum(i) FROM n"),
        &format!("INSERT INTO note(id) VALUES ((({recursion} SELECT max(i) FROM n)))"),
        "DELETE FROM note WHERE id = 1",
        "UPDATE note SET body = 'b' WHERE id = 1",
        "SELECT * FROM note",
    ] {
        assert!(!is_bounded(sql), "{sql}");
    }
    for sql in ["INSERT INTO tag VALUES (NULL), (NULL)", "SELECT * FROM note WHERE id = ?"] {
        assert!(is_bounded(sql), "{sql}");
    }
}

#[test]
fn a_trigger_and_an_index_count_as_part_of_the_plan() {
    let (_dir, db) = open();
    let insert = "INSERT INTO note(body) VALUES ('a')";
    let sorted = "SELECT body FROM note ORDER BY body";
    assert!(!may_block(&db, insert));
    assert!(may_block(&db, sorted));
    let trigger = "CREATE TRIGGER index_it AFTER INSERT ON note \
                   BEGIN INSERT INTO words(body) VALUES (new.body); END";
    db.execute(trigger, &[]).expect("creates");
    db.execute("CREATE INDEX by_body ON note(body)", &[]).expect("creates");
    // Each is prepared anew by its next run.
    db.execute(insert, &[]).expect("writes");
    db.writer(&Patience::unbounded()).expect("the lane").query(sorted, &[]).expect("reads");
    assert!(may_block(&db, insert));
    assert!(!may_block(&db, sorted));
}

#[test]
fn a_statement_is_believed_to_be_short_after_short_runs_and_not_after_a_long_one() {
    let (_dir, db) = open();
    let reader = db.reader(&Patience::unbounded()).expect("a reader");
    let sorted = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) \
                  SELECT i FROM n GROUP BY -i";
    let run = |n: i64| {
        let was_expected = reader.statement(sorted).expect("prepares").is_long(&reader);
        reader.query(sorted, &[n.into()]).expect("reads");
        was_expected
    };
    assert!(run(3));
    assert!((0..1000).any(|_| !run(3)));
    run(300_000);
    assert!(run(3));
    assert!(run(3));
}

#[test]
fn looking_at_the_plan_of_a_write_leaves_the_number_of_changes() {
    let (_dir, db) = open();
    let writer = db.writer(&Patience::unbounded()).expect("the lane");
    writer.execute("INSERT INTO note(body) VALUES ('a'), ('b')", &[]).expect("writes");
    let log = writer.statement("INSERT INTO note(id) VALUES (changes() + 100)").expect("prepares");
    assert!(!log.may_block(&writer));
    drop(log);
    writer.execute("INSERT INTO note(id) VALUES (changes() + 100)", &[]).expect("writes");
    let ids = writer.query("SELECT max(id) FROM note", &[]).expect("reads");
    assert_eq!(ids, [[102.into()]]);
}

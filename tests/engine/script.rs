use holdfast::{Database, Error, Patience, Value};

fn open() -> Database {
    Database::open(":memory:").expect("opens")
}

fn run(db: &Database, sql: &str) -> Result<u64, Error> {
    db.execute_script(sql, &Patience::unbounded())
}

#[test]
fn a_script_runs_every_statement_and_counts_the_rows() {
    let db = open();
    let changed = run(
        &db,
        "-- notes; with a comment\n;;CREATE TABLE note(body TEXT);
         CREATE TRIGGER again AFTER INSERT ON note WHEN new.body = 'a'
         BEGIN INSERT INTO note VALUES (CASE WHEN 1 THEN 'b;' END); END;
         INSERT INTO note VALUES ('a'), ('c'); SELECT * FROM note; /* the end */",
    );
    assert_eq!(changed.expect("runs"), 2);
    assert_eq!(db.query("SELECT count(*) FROM note", &[]).expect("reads"), [[Value::Integer(3)]]);
}

#[test]
fn a_script_that_fails_keeps_nothing_and_names_the_statement() {
    let db = open();
    let error = run(
        &db,
        "CREATE TABLE a(x); INSERT INTO a VALUES (1); INSERT INTO nowhere VALUES (2); DROP TABLE a",
    )
    .expect_err("fails");
    assert_eq!(error.to_string(), "no such table: nowhere (in: INSERT INTO nowhere VALUES (2);)");
    assert!(db.query("SELECT * FROM a", &[]).is_err());
}

#[test]
fn a_script_takes_no_transactions_parameters_or_nul() {
    let db = open();
    assert!(matches!(run(&db, "SELECT 1; COMMIT").expect_err("fails"), Error::Misuse(_)));
    assert!(matches!(run(&db, "SELECT ?").expect_err("fails"), Error::Parameter(_)));
    assert!(matches!(run(&db, "SELECT 1; \0 SELECT 2").expect_err("fails"), Error::Value(_)));
}

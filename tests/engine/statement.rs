//! The cache of statements, and the readers that carry it.

use std::time::Duration;

use holdfast::{Database, Options, Patience, Value};

fn open(options: Options) -> (tempfile::TempDir, Database) {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Database::open_with(dir.path().join("app.db"), options).expect("opens");
    db.execute("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT)", &[]).expect("creates");
    (dir, db)
}

fn one(rows: Vec<Vec<Value>>) -> i64 {
    match rows[..] {
        [ref row] => match row[..] {
            [Value::Integer(number)] => number,
            ref other => panic!("{other:?}"),
        },
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn another_text_at_the_same_address_is_another_statement() {
    let (_dir, db) = open(Options::default());
    let reader = db.reader(&Patience::unbounded()).expect("a reader");
    let mut text = String::from("SELECT 1000 + ?");
    for digit in (1..=9).cycle().take(50) {
        text.replace_range(7..8, &digit.to_string());
        let rows = reader.query(&text, &[digit.into()]).expect("reads");
        assert_eq!(one(rows), digit * 1000 + digit);
    }
}

#[test]
fn more_statements_than_are_kept_still_give_their_own_rows() {
    let (_dir, db) = open(Options::default());
    let reader = db.reader(&Patience::unbounded()).expect("a reader");
    for number in (0..600).chain((0..600).rev()) {
        let rows = reader.query(&format!("SELECT {number}"), &[]).expect("reads");
        assert_eq!(one(rows), number);
    }
}

#[test]
fn a_statement_in_use_can_be_used_a_second_time() {
    let (_dir, db) = open(Options::default());
    let reader = db.reader(&Patience::unbounded()).expect("a reader");
    let sql = "WITH n(i) AS (VALUES (1), (2), (3)) SELECT i + ? FROM n";
    let rows = |plus: i64| reader.query(sql, &[plus.into()]).expect("reads");
    let mut outer = reader.statement(sql).expect("prepares");
    outer.bind_all(&reader, [holdfast::ValueRef::Integer(10)]).expect("binds");
    assert!(outer.step(&reader).expect("steps"));
    assert_eq!(rows(20), [[21.into()], [22.into()], [23.into()]]);
    assert_eq!(outer.column(0).as_i64(), Ok(11));
    assert!(outer.step(&reader).expect("steps"));
    assert_eq!(outer.column(0).as_i64(), Ok(12));
    drop(outer);
    assert_eq!(rows(30), [[31.into()], [32.into()], [33.into()]]);
}

#[test]
fn a_reader_that_comes_back_goes_to_whoever_waits() {
    let (_dir, db) = open(Options { pool_size: 2, ..Options::default() });
    let patience = || Patience::timeout(Duration::from_secs(20));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let db = &db;
            scope.spawn(move || {
                for _ in 0..500 {
                    let reader = db.reader(&patience()).expect("a reader");
                    if thread % 2 == 0 {
                        std::thread::yield_now();
                    }
                    assert_eq!(one(reader.query("SELECT 7", &[]).expect("reads")), 7);
                }
            });
        }
    });
}

#[test]
fn a_statement_comes_back_without_its_parameters() {
    let (_dir, db) = open(Options { pool_size: 1, ..Options::default() });
    let patience = Patience::unbounded();
    for _ in 0..2 {
        let reader = db.reader(&patience).expect("a reader");
        assert!(reader.is_idle());
        let mut statement = reader.statement("SELECT ?").expect("prepares");
        statement.step(&reader).expect("steps");
        assert_eq!(statement.column(0), holdfast::ValueRef::Null);
        statement.rewind();
        let text = holdfast::ValueRef::Text(b"kept by nobody");
        statement.bind(&reader, 1, text).expect("binds");
    }
}

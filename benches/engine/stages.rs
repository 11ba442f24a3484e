//! The stages of the hot path, one by one.

use std::hint::black_box;

use criterion::Criterion;
use holdfast::{Database, Mode, Patience, ValueRef};

const ROWS: i64 = 10_000;
const SELECT: &str = "SELECT id, name, price, body, stock FROM item WHERE id = ?";
const UPDATE: &str = "UPDATE item SET stock = stock + 1 WHERE id = ?";

fn open() -> (tempfile::TempDir, Database) {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Database::open(dir.path().join("stages.db")).expect("opens");
    let table = "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price REAL, body TEXT, \
                 stock INTEGER)";
    db.execute(table, &[]).expect("creates");
    let fill = "INSERT INTO item WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                WHERE i < ?) SELECT i, 'name ' || i, i * 0.5, 'a text of some length', i FROM n";
    db.execute(fill, &[ROWS.into()]).expect("fills");
    (dir, db)
}

fn key() -> ValueRef<'static> {
    ValueRef::Integer(fastrand::i64(1..=ROWS))
}

pub fn stages(criterion: &mut Criterion) {
    let (_dir, db) = open();
    let mut group = criterion.benchmark_group("stages");
    let patience = Patience::unbounded();
    group.bench_function("checkout", |b| {
        b.iter(|| drop(black_box(db.reader(&patience).expect("a reader"))));
    });
    {
        let reader = db.reader(&patience).expect("a reader");
        group.bench_function("statement", |b| {
            b.iter(|| drop(black_box(reader.statement(SELECT).expect("prepares"))));
        });
        // At another address each time, so that the text is looked up.
        let texts: Vec<String> = (0..128).map(|_| SELECT.to_owned()).collect();
        let mut turn = texts.iter().cycle();
        group.bench_function("statement-by-text", |b| {
            b.iter(|| {
                let text = turn.next().expect("endless");
                drop(black_box(reader.statement(text).expect("prepares")));
            });
        });
        let mut statement = reader.statement(SELECT).expect("prepares");
        group.bench_function("bind", |b| {
            b.iter(|| statement.bind(&reader, 1, black_box(key())).expect("binds"));
        });
        statement.reset();
        group.bench_function("bind-step-reset", |b| {
            b.iter(|| {
                statement.bind(&reader, 1, key()).expect("binds");
                assert!(statement.step(&reader).expect("steps"));
                statement.reset();
            });
        });
        statement.bind(&reader, 1, key()).expect("binds");
        assert!(statement.step(&reader).expect("steps"));
        group.bench_function("five-columns", |b| {
            b.iter(|| {
                (0..5).for_each(|index| {
                    black_box(statement.column(index));
                })
            });
        });
    }
    group.bench_function("lane", |b| {
        b.iter(|| drop(black_box(db.writer(&patience).expect("the lane"))));
    });
    group.bench_function("begin-commit", |b| {
        b.iter(|| db.transaction(Mode::Immediate).expect("begins").commit().expect("commits"));
    });
    {
        let writer = db.writer(&patience).expect("the lane");
        group.bench_function("one-row-write", |b| {
            b.iter(|| {
                let mut statement = writer.statement(UPDATE).expect("prepares");
                statement.bind(&writer, 1, key()).expect("binds");
                statement.run(&writer).expect("writes");
            });
        });
    }
    group.finish();
}

use super::*;

fn refused(result: Result<impl std::fmt::Debug, Error>, parts: &[&str]) {
    let error = result.expect_err("is refused");
    assert!(matches!(error, Error::Migration(_)), "{error:?}");
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

fn step(version: u32, name: &str, sql: &str) -> Step {
    Step { version, name: name.into(), sql: sql.into() }
}

#[test]
fn a_directory_gives_its_numbered_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &[u8]| std::fs::write(dir.path().join(name), text).expect("ok");
    refused(Migrations::from_directory(dir.path()), &["holds no step", "0001_create_note.sql"]);
    write("0002_tags.sql", TAGS.as_bytes());
    write("0001_notes.sql", format!("\u{feff}{NOTES}").as_bytes());
    write("README.md", b"about");
    write(".0003_editing.sql", b"half");
    let migrations = Migrations::from_directory(dir.path()).expect("reads");
    assert_eq!(migrations.latest(), 2);
    assert_eq!(migrations.steps()[1], step(2, "tags", TAGS));
    let db = Database::open(":memory:").expect("opens");
    assert_eq!(migrate_to_latest(&db, &migrations).expect("migrates").to, 2);
    for bad in ["3_short.sql", "0003.sql", "0003_.sql", "notes.sql", "00x3_y.sql", "0003_x.SQL"] {
        write(bad, b"");
        refused(Migrations::from_directory(dir.path()), &[bad, "rename it"]);
        std::fs::remove_file(dir.path().join(bad)).expect("removes");
    }
    write("0003_latin.sql", b"-- caf\xe9");
    refused(Migrations::from_directory(dir.path()), &["0003_latin.sql", "UTF-8"]);
    let nowhere = Migrations::from_directory(dir.path().join("nowhere"));
    assert!(matches!(nowhere.expect_err("is missing"), Error::Migration(_)));
}

#[test]
fn numbers_run_from_one_without_gap_or_duplicate() {
    let of =
        |numbers: &[u32]| Migrations::from_steps(numbers.iter().map(|n| step(*n, "x", "SELECT 1")));
    refused(of(&[1, 3]), &["no number 2", "0003_x"]);
    refused(of(&[2]), &["first step must be number 1", "0002_x"]);
    refused(of(&[0, 1]), &["number 1", "0000_x"]);
    refused(of(&[1, 2, 2]), &["two steps have the number 2", "next free number, 3"]);
    assert_eq!(of(&[2, 1]).expect("any order").latest(), 2);
}

#[test]
fn statements_that_no_transaction_can_hold_are_refused_before_anything_runs() {
    for statement in [
        "BEGIN",
        "commit",
        "END",
        "ROLLBACK",
        "SAVEPOINT a",
        "RELEASE a",
        "ATTACH 'x' AS y",
        "DETACH y",
        "VACUUM",
        "PRAGMA foreign_keys = OFF",
        "PRAGMA main.journal_mode = delete",
        "PRAGMA \"synchronous\"(0)",
        "PRAGMA auto_vacuum = 1",
        "PRAGMA user_version = 7",
        "PRAGMA writable_schema = on",
    ] {
        let sql = format!("CREATE TABLE a(x); /* now */ {statement}; SELECT 1");
        refused(try_steps(&["SELECT 1", &sql]), &["0002_step2", statement, "may not stand"]);
    }
    refused(try_steps(&["SELECT 1; \0"]), &["NUL"]);
}

#[test]
fn words_inside_triggers_expressions_strings_and_comments_are_no_statements() {
    let db = Database::open(":memory:").expect("opens");
    let sql = "-- BEGIN;\n CREATE TABLE a(x TEXT DEFAULT '; COMMIT;', \"end\" TEXT);
        CREATE TRIGGER t AFTER INSERT ON a BEGIN
            UPDATE a SET x = CASE WHEN 1 THEN 'y' END; SELECT 1; END;
        INSERT INTO a(\"end\") VALUES ('; VACUUM;');
        PRAGMA application_id = 77; PRAGMA defer_foreign_keys = on";
    migrate_to_latest(&db, &steps(&[sql])).expect("migrates");
    assert_eq!(value(&db, "SELECT x FROM a"), Value::Text("y".into()));
    assert_eq!(value(&db, "PRAGMA application_id"), Value::Integer(77));
}

#[test]
fn an_edited_step_is_refused_and_named() {
    let (_dir, path) = place();
    let db = open(&path);
    migrate_to_latest(&db, &steps(&[NOTES, TAGS])).expect("migrates");
    let edited = steps(&[NOTES, "ALTER TABLE note ADD COLUMN label TEXT"]);
    let parts = ["0002_step2", "edited after it had been applied", "new step 0003"];
    refused(migrate_to_latest(&db, &edited), &parts);
}

#[test]
fn white_space_at_line_ends_line_endings_and_names_may_change() {
    let (_dir, path) = place();
    let db = open(&path);
    let sql = "CREATE TABLE a(x);\nCREATE TABLE b(y);\n";
    migrate_to_latest(&db, &steps(&[sql])).expect("migrates");
    let same = step(1, "better name", "\u{feff}CREATE TABLE a(x);  \r\nCREATE TABLE b(y);\r\n\r\n");
    let same = Migrations::from_steps([same]).expect("a step");
    assert!(migrate_to_latest(&db, &same).expect("is the same").applied.is_empty());
    let other = step(1, "a", "CREATE TABLE a(x); CREATE TABLE b(y);");
    assert_ne!(other.checksum(), step(1, "a", sql).checksum());
}

#[test]
fn a_file_newer_than_the_code_is_refused_and_stays_as_it_is() {
    let (_dir, path) = place();
    let db = open(&path);
    migrate_to_latest(&db, &steps(&[NOTES, TAGS])).expect("migrates");
    let parts = ["newer than this code", "version 2", "0002_step2", "version 1", "run the newer"];
    refused(migrate_to_latest(&db, &steps(&[NOTES])), &parts);
    assert_eq!(value(&db, "SELECT count(*) FROM note"), Value::Integer(1));
    assert_eq!(db.schema_version("app").expect("reads"), 2);
}

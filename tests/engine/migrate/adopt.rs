use super::*;

/// A file made by something else than Holdfast, and closed.
fn foreign(path: &Path, user_version: u32) {
    let raw = rusqlite_file(path);
    raw.execute_batch(&format!("{NOTES}; PRAGMA user_version = {user_version}")).expect("makes");
}

fn rusqlite_file(path: &Path) -> rusqlite::Connection {
    let raw = rusqlite::Connection::open(path).expect("opens");
    raw.execute_batch("PRAGMA auto_vacuum = incremental").expect("sets");
    raw
}

fn adopt(n: u32) -> MigrateOptions {
    MigrateOptions { adopt: Some(n), ..MigrateOptions::default() }
}

fn refusal(path: &Path) -> String {
    let error = migrate_to_latest(&open(path), &steps(&[NOTES, TAGS])).expect_err("is refused");
    assert!(matches!(error, Error::Migration(_)), "{error:?}");
    error.to_string()
}

#[test]
fn an_existing_file_is_refused_until_it_is_adopted() {
    for user_version in [0, 1, 40] {
        let (_dir, path) = place();
        foreign(&path, user_version);
        let text = refusal(&path);
        assert!(text.contains("adopt=N"), "{text}");
        let db = open(&path);
        let report = migrate_with(&db, &steps(&[NOTES, TAGS]), adopt(1)).expect("adopts");
        assert_eq!((report.from, report.to, report.adopted), (1, 2, true));
        assert_eq!(report.applied.len(), 1);
        assert!(report.backup.is_some());
        assert_eq!(
            value(&db, "SELECT group_concat(body || tag) FROM note"),
            "firstnone".to_owned().into()
        );
        let again = migrate_with(&db, &steps(&[NOTES, TAGS]), adopt(1)).expect("is adopted");
        assert_eq!((again.from, again.to, again.adopted), (2, 2, false));
    }
}

#[test]
fn adopting_at_the_latest_step_only_records() {
    let (_dir, path) = place();
    foreign(&path, 0);
    let db = open(&path);
    let report = migrate_with(&db, &steps(&[NOTES]), adopt(1)).expect("adopts");
    assert!(report.adopted && report.applied.is_empty() && report.backup.is_none());
    assert_eq!(db.schema_version("app").expect("reads"), 1);
    let error = migrate_with(&open(&path), &steps(&["SELECT 1"]), adopt(1)).expect_err("edited");
    assert!(error.to_string().contains("was edited"), "{error}");
}

#[test]
fn a_fresh_file_has_nothing_to_adopt_and_runs_every_step() {
    let (_dir, path) = place();
    let report = migrate_with(&open(&path), &steps(&[NOTES, TAGS]), adopt(1)).expect("migrates");
    assert_eq!((report.from, report.to, report.adopted), (0, 2, false));
}

#[test]
fn no_file_can_be_adopted_at_a_step_that_does_not_exist() {
    let (_dir, path) = place();
    foreign(&path, 0);
    let error = migrate_with(&open(&path), &steps(&[NOTES]), adopt(2)).expect_err("is refused");
    assert!(error.to_string().contains("the last step of \"app\" is 1"), "{error}");
}

#[test]
fn a_user_version_that_contradicts_the_records_is_refused_until_adopted() {
    let (_dir, path) = place();
    migrate_to_latest(&open(&path), &steps(&[NOTES])).expect("migrates");
    rusqlite_file(&path).execute_batch("PRAGMA user_version = 9").expect("sets");
    let text = refusal(&path);
    for part in ["user_version is 9", "ends with step 1", "adopt=N", "newer code"] {
        assert!(text.contains(part), "{text}");
    }
    let db = open(&path);
    let report = migrate_with(&db, &steps(&[NOTES, TAGS]), adopt(1)).expect("adopts");
    assert_eq!((report.from, report.to, report.adopted), (1, 2, true));
    assert_eq!(value(&db, "PRAGMA user_version"), Value::Integer(2));
}

#[test]
fn a_first_step_that_meets_its_own_tables_explains_adoption() {
    let (_dir, path) = place();
    foreign(&path, 0);
    let db = open(&path);
    let store = steps(&[NOTES]).component("notes");
    let error = migrate_to_latest(&db, &store).expect_err("the table exists");
    assert!(error.to_string().contains("adopt=N"), "{error}");
    assert!(migrate_with(&db, &store, adopt(1)).expect("adopts").adopted);
}

use super::*;

#[test]
fn a_dry_run_reports_and_leaves_nothing_behind() {
    let (_dir, path) = place();
    let db = open(&path);
    migrate_to_latest(&db, &steps(&[NOTES])).expect("migrates");
    let dry = || MigrateOptions { dry_run: true, ..MigrateOptions::default() };
    let report = migrate_with(&db, &steps(&[NOTES, TAGS]), dry()).expect("rehearses");
    assert_eq!((report.from, report.to, report.applied.len()), (1, 2, 1));
    assert!(report.dry_run && report.backup.is_none());
    assert_eq!(db.schema_version("app").expect("reads"), 1);
    let error = migrate_with(&db, &steps(&[NOTES, "DROP TABLE nowhere"]), dry());
    assert!(error.expect_err("fails").to_string().contains("no such table: nowhere"));
    assert!(beside(&path).is_empty(), "{:?}", beside(&path));
}

#[test]
fn a_read_only_database_can_rehearse_but_not_migrate() {
    let (_dir, path) = place();
    let writing = open(&path);
    migrate_to_latest(&writing, &steps(&[NOTES])).expect("migrates");
    let options = Options { read_only: true, ..Options::default() };
    let db = Database::open_with(&path, options).expect("opens");
    assert!(migrate_to_latest(&db, &steps(&[NOTES])).expect("is current").applied.is_empty());
    let error = migrate_to_latest(&db, &steps(&[NOTES, TAGS])).expect_err("is read-only");
    assert!(matches!(error, Error::Misuse(_)), "{error:?}");
    let dry = MigrateOptions { dry_run: true, ..MigrateOptions::default() };
    assert_eq!(migrate_with(&db, &steps(&[NOTES, TAGS]), dry).expect("rehearses").to, 2);
}

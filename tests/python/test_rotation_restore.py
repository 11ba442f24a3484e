"""Restoring the newest copy that is good, and saying which."""

from pathlib import Path
from typing import Any

import pytest

import holdfast
from backup_copies import copying, damage, fill, names
from holdfast import rotation
from holdfast.reports import RestoreReport
from processes import look, run


@pytest.fixture
def copies(path: Path, backups: Path) -> list[Path]:
    """Copies of 501, 502 and 503 rows, the newest first; the database has 504."""
    with holdfast.open(path) as db:
        db.execute("create table note(id integer primary key, body)")
        fill(db)
        for _ in range(3):
            db.insert("note", {"body": "one more"})
            report = holdfast.backup_rotated(db, backups)
        db.insert("note", {"body": "one more"})
    return list(report.kept)


def rows(path: Path) -> int:
    return look(path, "select count(*) from note")[0][0]


def test_the_newest_is_restored_and_what_was_there_is_kept(
    path: Path, backups: Path, copies: list[Path]
) -> None:
    report = holdfast.restore_newest(backups, path)
    assert (report.backup, report.skipped) == (copies[0], ())
    assert report.restored.path == path
    assert report.restored.safety_copy is not None
    assert (rows(path), rows(report.restored.safety_copy)) == (503, 504)
    assert names(backups) == sorted(copy.name for copy in copies)


@pytest.mark.parametrize("how", ["damaged", "empty", "cut short", "no database"])
def test_a_newest_copy_that_is_damaged_is_skipped_and_told(
    path: Path, backups: Path, copies: list[Path], how: str
) -> None:
    for copy in copies[:2]:
        match how:
            case "damaged":
                damage(copy)
            case "empty":
                copy.write_bytes(b"")
            case "cut short":
                copy.write_bytes(copy.read_bytes()[:-5000])
            case _:
                copy.write_text("not a database" * 1000)
    report = holdfast.restore_newest(backups, path)
    assert report.backup == copies[2]
    assert [skipped for skipped, _ in report.skipped] == copies[:2]
    assert all(why for _, why in report.skipped)
    assert rows(path) == 501


def test_where_all_are_damaged_nothing_changes(
    path: Path, backups: Path, copies: list[Path]
) -> None:
    for copy in copies:
        damage(copy)
    with pytest.raises(holdfast.CorruptionError, match=r"none of the 3 copies of 'app\.db'"):
        holdfast.restore_newest(backups, path)
    assert rows(path) == 504
    assert [file.name for file in path.parent.iterdir() if "before" in file.name] == []
    other = path.with_name("drill") / "app.db"
    other.parent.mkdir()
    with pytest.raises(holdfast.CorruptionError):
        holdfast.restore_newest(backups, other)
    assert not list(other.parent.iterdir())


def test_a_damaged_database_is_replaced(path: Path, backups: Path, copies: list[Path]) -> None:
    damage(path)
    assert holdfast.restore_newest(backups, path).skipped == ()
    assert rows(path) == 503
    path.write_bytes(b"not a database")
    assert holdfast.restore_newest(backups, path).backup == copies[0]
    path.unlink()
    assert holdfast.restore_newest(backups, path).restored.safety_copy is None
    assert rows(path) == 503


def test_a_drill_goes_to_another_directory(
    tmp_path: Path, backups: Path, copies: list[Path]
) -> None:
    drill = tmp_path / "drill"
    report = holdfast.restore_newest(backups, "app.db", data_dir=drill, timeout=30)
    assert report.restored.path == drill / "app.db"
    assert rows(drill / "app.db") == 503
    with pytest.raises(holdfast.TimeoutError):
        holdfast.restore_newest(backups, drill / "app.db", timeout=0)
    with pytest.raises(ValueError, match="stop"):
        holdfast.restore_newest(backups, drill / "app.db", progress=stop)
    assert [file.name for file in drill.iterdir()] == ["app.db"]


def stop(_done: int, _total: int) -> None:
    raise ValueError("stop")


def test_the_order_is_that_of_the_numbers(path: Path, backups: Path, copies: list[Path]) -> None:
    # Made while the clock was seventy years ahead, and thus not the newest.
    copies[2].rename(backups / "app-20961126T061502Z-1.db")
    assert holdfast.restore_newest(backups, path).backup == copies[0]


def test_where_there_are_no_copies_of_the_name_nothing_is_restored(
    tmp_path: Path, path: Path, backups: Path, copies: list[Path]
) -> None:
    with pytest.raises(holdfast.PathError, match=r"no copies of 'other\.db'.*those of 'app\.db'"):
        holdfast.restore_newest(backups, tmp_path / "other.db")
    (tmp_path / "none").mkdir()
    with pytest.raises(holdfast.PathError, match="name the copy itself"):
        holdfast.restore_newest(tmp_path / "none", path)
    with pytest.raises(holdfast.PathError, match="cannot be looked for: No such file"):
        holdfast.restore_newest(tmp_path / "missing", path)
    assert not (tmp_path / "other.db").exists()
    assert rows(path) == 504


def test_a_database_that_is_open_is_not_replaced(
    path: Path, backups: Path, copies: list[Path]
) -> None:
    damage(copies[0])
    with holdfast.open(path), pytest.raises(holdfast.ProgrammingError, match="open in this"):
        holdfast.restore_newest(backups, path)
    with copying(path, backups, keep=7) as child:
        with pytest.raises(holdfast.BusyError):
            holdfast.restore_newest(backups, path)
        child.send()
        child.line()
        child.finish()
    assert rows(path) == 504


def test_a_copy_of_an_app_that_died_is_restored(path: Path, backups: Path) -> None:
    code = """
import os, signal, sys, holdfast
db = holdfast.open(sys.argv[1], profile="durable")
db.execute("create table note(id integer primary key, body)")
db.insert("note", {"body": "kept"})
print(holdfast.backup_rotated(db, sys.argv[2]).backup.path, flush=True)
db.insert("note", {"body": "in the log alone"})
"""
    made = run(code, path, backups)
    report = holdfast.restore_newest(backups, path)
    assert [str(report.backup)] == made
    assert report.restored.safety_copy is not None
    assert (rows(path), rows(report.restored.safety_copy)) == (1, 2)


def test_a_copy_that_rotation_removes_meanwhile_is_passed_over(
    path: Path, backups: Path, copies: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def removed(backup: Path, target: Path, **settings: Any) -> RestoreReport:
        if backup == copies[0]:
            backup.unlink()
        return holdfast.restore(backup, target, **settings)

    monkeypatch.setattr(rotation, "restore", removed)
    report = holdfast.restore_newest(backups, path)
    assert (report.backup, report.skipped[0].path) == (copies[1], copies[0])


def test_a_disk_that_spoils_what_was_restored_is_no_fault_of_the_copy(
    path: Path, backups: Path, copies: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(backup: Path, target: Path, **settings: Any) -> None:
        holdfast.restore(backup, target, **settings)
        raise holdfast.CorruptionError("the disk failed")

    monkeypatch.setattr(rotation, "restore", spoiled)
    with pytest.raises(holdfast.CorruptionError, match="the disk failed"):
        holdfast.restore_newest(backups, path)
    assert len(list(path.parent.glob("*before-restore*"))) == 1

"""Which files are copies of a database, and what else is in the directory of its rotation."""

import os
from pathlib import Path

import pytest

import holdfast
from backup_copies import names, numbers
from holdfast.copies import databases_in, find

OTHERS = [
    "app.db",
    "app-20261126T061502Z.db",
    "app-20261126T061502Z-0.db",
    "app-20261126T061502Z-01.db",
    "app-20261126T061502Z-1.db.gz",
    "app-20261126T061502Z-1.db-copy",
    "app-20261126T061502Z-1.sqlite",
    "app-20261326T061502Z-1.db",
    "app-20261126T061502Z-\u0661.db",
    "app-20261126T061502Z-1.db\n",
    "app-20261126-061502.db",
    "app-2-20261126T061502Z-1.db",
    "App-20261126T061502Z-1.db",
    "my-app-20261126T061502Z-1.db",
    ".holdfast-0123456789abcdef.tmp",
]


def test_nothing_else_in_the_directory_is_touched(
    db: holdfast.Database, backups: Path, tmp_path: Path
) -> None:
    for name in OTHERS:
        (backups / name).write_text("mine")
    (backups / "app-20200101T000000Z-1.db").mkdir()
    target = tmp_path / "elsewhere.db"
    target.write_text("mine")
    (backups / "app-20200101T000000Z-2.db").symlink_to(target)
    os.mkfifo(backups / "app-20200101T000000Z-3.db")
    before = names(backups)
    reports = [holdfast.backup_rotated(db, backups, keep=1) for _ in range(3)]
    assert names(backups) == sorted([*before, reports[-1].backup.path.name])
    assert [r.backup.path.name.rpartition("-")[2] for r in reports] == ["4.db", "5.db", "6.db"]
    assert {(backups / name).read_text() for name in OTHERS} == {"mine"} == {target.read_text()}


@pytest.mark.parametrize("name", ["app", "app.tar.db", ".db", "a b[1]*.db", "\udcff.db", "é\n.db"])
def test_any_name_of_a_file_has_its_copies(tmp_path: Path, backups: Path, name: str) -> None:
    with holdfast.open(tmp_path / name) as db:
        db.execute("create table note(body)")
        reports = [holdfast.backup_rotated(db, backups, keep=2) for _ in range(3)]
    found = find(backups, name)
    assert [backups / each for each in found.names] == list(reports[-1].kept)
    assert (len(found.names), found.last) == (2, 3)
    assert databases_in(backups) == [name]


def test_databases_of_two_names_share_a_directory(tmp_path: Path, backups: Path) -> None:
    for name in ("app.db", "app.sqlite", "app-2.db") * 2:
        with holdfast.open(tmp_path / name) as db:
            db.execute("create table if not exists note(body)")
            holdfast.backup_rotated(db, backups, keep=1)
    assert databases_in(backups) == ["app-2.db", "app.db", "app.sqlite"]
    assert len(names(backups)) == 3


def test_a_second_file_of_the_same_name_is_refused(tmp_path: Path, backups: Path) -> None:
    sites = [tmp_path / "one" / "app.db", tmp_path / "two" / "app.db"]
    for site in sites:
        site.parent.mkdir()
        with holdfast.open(site) as db:
            db.execute("create table note(body)")
    with holdfast.open(sites[0]) as db:
        holdfast.backup_rotated(db, backups, keep=1)
    # Above all where the first one is lost.
    sites[0].unlink()
    with holdfast.open(sites[1]) as db:
        with pytest.raises(holdfast.PathError, match=f"has the copies of '{sites[0]}'"):
            holdfast.backup_rotated(db, backups, keep=1)
        assert numbers(backups) == [1]
        (backups / ".app.db.rotation" / "lock").unlink()
        assert len(holdfast.backup_rotated(db, backups, keep=1).removed) == 1


def test_a_file_may_have_two_paths(tmp_path: Path, backups: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    first.mkdir()
    with holdfast.open(first / "app.db") as db:
        db.execute("create table note(body)")
        holdfast.backup_rotated(db, backups)
    first.rename(second)
    first.symlink_to(second)
    with holdfast.open(second / "app.db") as db:
        holdfast.backup_rotated(db, backups)
    assert numbers(backups) == [1, 2]

"""Backups in rotation: what is made, what makes way for it, and what is left alone."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import holdfast
from backup_copies import damage, fill, is_good, names, numbers
from holdfast import AsyncDatabase, _turn
from processes import look

NOW = datetime(2026, 11, 26, 6, 15, 2, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time that copies are named by: the last of the list."""
    times = [NOW]

    class Clock:
        @staticmethod
        def now(_zone: object) -> datetime:
            return times[-1]

    monkeypatch.setattr(_turn, "datetime", Clock)
    return times


def test_a_copy_is_named_by_the_file_the_time_and_a_number(
    db: holdfast.Database, backups: Path, clock: list[datetime]
) -> None:
    fill(db)
    report = holdfast.backup_rotated(db, backups)
    assert report.backup.path == backups / "app-20261126T061502Z-1.db"
    assert (report.kept, report.removed, report.skipped) == ((report.backup.path,), (), ())
    assert report.backup.check.ok
    assert report.backup.size == report.backup.path.stat().st_size
    assert stat.S_IMODE(report.backup.path.stat().st_mode) == 0o600
    assert stat.S_IMODE((backups / ".app.db.rotation").stat().st_mode) == 0o700
    assert look(report.backup.path, "select count(*) from note") == [[500]]


def test_the_oldest_make_way_and_the_newest_stay(db: holdfast.Database, backups: Path) -> None:
    for number in range(1, 12):
        db.insert("note", {"body": str(number)})
        report = holdfast.backup_rotated(db, backups, keep=3)
        assert numbers(backups) == list(range(max(1, number - 2), number + 1))
        assert sorted(path.name for path in report.kept) == names(backups)
        assert len(report.removed) == (number > 3)
        assert look(report.backup.path, "select count(*) from note") == [[number]]


def test_a_smaller_number_removes_more_the_oldest_first(
    db: holdfast.Database, backups: Path
) -> None:
    made = [holdfast.backup_rotated(db, backups, keep=9).backup.path for _ in range(6)]
    report = holdfast.backup_rotated(db, backups, keep=1)
    assert report.removed == tuple(made)
    assert names(backups) == [report.backup.path.name]
    assert is_good(report.backup.path)


def test_copies_of_one_second_are_in_order(
    db: holdfast.Database, backups: Path, clock: list[datetime]
) -> None:
    for _ in range(12):
        holdfast.backup_rotated(db, backups, keep=11)
    assert numbers(backups) == list(range(2, 13))
    assert {name.partition("Z")[0] for name in names(backups)} == {"app-20261126T061502"}


@pytest.mark.parametrize("keep", [1, 3])
def test_a_clock_that_is_set_back_changes_no_order(
    db: holdfast.Database, backups: Path, clock: list[datetime], keep: int
) -> None:
    for step in (0, 86400 * 365 * 70, -3600, -86400 * 365 * 50, 60, 120):
        clock.append(NOW + timedelta(seconds=step))
        report = holdfast.backup_rotated(db, backups, keep=keep)
        assert report.backup.path.exists()
        assert clock[-1].strftime("%Y%m%dT%H%M%SZ") in report.backup.path.name
        assert report.kept[0] == report.backup.path
    assert numbers(backups) == [6] if keep == 1 else [4, 5, 6]


def test_a_copy_that_is_in_use_is_left_and_told(db: holdfast.Database, backups: Path) -> None:
    old = holdfast.backup_rotated(db, backups, keep=1).backup.path
    with holdfast.open(old) as used:
        used.insert("note", {"body": "of somebody"})
        report = holdfast.backup_rotated(db, backups, keep=1)
        assert [(path, "in use" in why) for path, why in report.skipped] == [(old, True)]
        assert (report.removed, report.kept) == ((), (report.backup.path,))
        assert used.fetch_value("select count(*) from note") == 1
    report = holdfast.backup_rotated(db, backups, keep=1)
    assert (len(report.removed), report.skipped) == (2, ())


def test_damaged_copies_make_way_as_others_do(db: holdfast.Database, backups: Path) -> None:
    fill(db)
    for _ in range(3):
        damage(holdfast.backup_rotated(db, backups, keep=3).backup.path)
    report = holdfast.backup_rotated(db, backups, keep=3)
    assert [is_good(path) for path in report.kept] == [True, False, False]


async def test_it_is_awaited_too(adb: AsyncDatabase, backups: Path) -> None:
    told: list[int] = []
    for _ in range(3):
        report = await holdfast.backup_rotated_async(
            adb, backups, keep=2, progress=lambda done, _: told.append(done), timeout=30
        )
    assert told
    assert numbers(backups) == [2, 3]
    assert is_good(report.backup.path)


@pytest.mark.parametrize("keep", [0, -1, True, 1.5, "7", None])
def test_a_number_that_is_none_is_refused(db: holdfast.Database, backups: Path, keep: Any) -> None:
    with pytest.raises(ValueError, match="keep is a number from 1, not"):
        holdfast.backup_rotated(db, backups, keep=keep)
    assert names(backups) == []


async def test_a_database_of_the_other_kind_is_refused(adb: AsyncDatabase, backups: Path) -> None:
    asynchronous: Any = adb
    with pytest.raises(TypeError, match=r"holdfast\.open returns, not AsyncDatabase"):
        holdfast.backup_rotated(asynchronous, backups)
    with pytest.raises(TypeError, match=r"holdfast\.open_async returns, not str"):
        await holdfast.backup_rotated_async("app.db", backups)  # pyright: ignore

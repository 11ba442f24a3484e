"""Backups, restores and vacuums that their caller ends."""

import time
from pathlib import Path

import pytest

import holdfast
from holdfast.reports import VacuumStats
from holdfast.upkeep import vacuum_in_cycles


def stop(_done: int, _total: int) -> None:
    raise ValueError("stop")


def test_a_progress_that_raises_leaves_no_backup(db: holdfast.Database, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"):
        db.backup(tmp_path / "copy.db", progress=stop)
    assert not list(tmp_path.glob("*copy*")) + list(tmp_path.glob("*.tmp"))
    assert db.stats()["last_backup"] is None


def test_a_progress_that_raises_restores_nothing(db: holdfast.Database, tmp_path: Path) -> None:
    db.backup(tmp_path / "copy.db")
    db.insert("note", {"body": "newer"})
    db.close()
    with pytest.raises(ValueError, match="stop"):
        holdfast.restore(tmp_path / "copy.db", db.path, progress=stop)
    with holdfast.open(db.path) as again:
        assert again.fetch_value("select body from note") == "newer"


def test_stats_tell_the_last_vacuum_and_backup(db: holdfast.Database, tmp_path: Path) -> None:
    assert db.stats()["last_vacuum"] is None
    before = time.time()
    db.vacuum()
    db.backup(tmp_path / "copy.db")
    stats = db.stats()
    assert stats["last_vacuum"] is not None
    assert stats["last_backup"] is not None
    assert before - 1 < stats["last_vacuum"] <= stats["last_backup"] < time.time() + 1


def test_a_vacuum_in_cycles_goes_on_while_it_is_let(db: holdfast.Database) -> None:
    db.insert_many("note", ({"body": "x" * 4000} for _ in range(100)))
    db.execute("delete from note")
    free = db.fetch_value("pragma freelist_count")
    told: list[VacuumStats] = []

    def three_times(done: VacuumStats) -> bool:
        told.append(done)
        return len(told) < 3

    first = vacuum_in_cycles(db, 10, go_on=three_times)
    assert [each.reclaimed for each in told] == [10 * 4096, 20 * 4096, 30 * 4096]
    assert first == told[-1]
    second = vacuum_in_cycles(db, 10)
    assert (second.free_before, second.free_after) == ((free - 30) * 4096, 0)
    assert second.reclaimed == second.free_before
    assert second.seconds > 0
    assert vacuum_in_cycles(db, 10).reclaimed == 0

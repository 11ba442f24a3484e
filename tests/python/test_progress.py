"""Backups and restores that their caller ends."""

import time
from pathlib import Path

import pytest

import holdfast


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

"""Snapshots that are retired, and directories that nobody owns."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import holdfast
from holdfast.jobs import JobManager
from job_processes import eventually
from job_snapshots import files, publish

Make = Callable[..., JobManager]


def test_old_snapshots_are_retired_unless_they_are_pinned(
    make: Make, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.jobs.snapshots.GRACE", -1.0)
    monkeypatch.setattr("holdfast.jobs.keeper.CLEAR", 0.0)
    jobs = make(keep_snapshots=2)
    first = publish(jobs, "0")
    with jobs.pinned("documents") as pinned:
        assert pinned == first
        for number in range(1, 5):
            publish(jobs, str(number))
        eventually(lambda: len(jobs.snapshots()) == 2)
        assert (first.path / "a/b.txt").read_text() == "0"
    eventually(lambda: not first.path.exists())
    assert [(s.path / "a/b.txt").read_text() for s in jobs.snapshots()] == ["4", "3"]
    assert len(files(path.parent / "snapshots")) == 4


def test_the_newest_snapshot_stays_however_old(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.jobs.snapshots.GRACE", -1.0)
    monkeypatch.setattr("holdfast.jobs.keeper.CLEAR", 0.0)
    jobs = make(max_snapshot_age=timedelta(seconds=-1))
    publish(jobs, "1")
    newest = publish(jobs, "2")
    eventually(lambda: len(jobs.snapshots()) == 1)
    assert jobs.latest("documents") == newest


def test_what_nobody_owns_is_swept(make: Make, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.jobs.keeper.CLEAR", 0.0)
    staging = path.parent / "staging" / path.name
    published = path.parent / "snapshots" / path.name / "documents"
    other = path.parent / "staging" / "other.db" / "1-1"
    for folder in (staging / "7-1", staging / "trash-1-2", published / "7-1", other):
        folder.mkdir(parents=True)
        (folder / "f").write_text("x")
    jobs = make()
    snapshot = publish(jobs, "kept")
    eventually(lambda: not any(staging.iterdir()))
    eventually(lambda: list(published.iterdir()) == [snapshot.path])
    assert other.exists(), "it belongs to another database"


def test_databases_of_one_name_keep_their_snapshots_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.jobs.keeper.CLEAR", 0.0)
    paths = [tmp_path / name / "jobs.db" for name in ("a", "b")]
    with (
        holdfast.open(paths[0], data_dir=tmp_path) as one,
        holdfast.open(paths[1], data_dir=tmp_path) as two,
        JobManager(one, data_dir=tmp_path) as first,
        JobManager(two, data_dir=tmp_path) as second,
    ):
        snapshots = [publish(jobs, "x") for jobs in (first, second)]
        stray = tmp_path / "staging" / "b%jobs.db" / "99-1"
        stray.mkdir(parents=True)
        eventually(lambda: not stray.exists())
        assert all((snapshot.path / "c.txt").exists() for snapshot in snapshots)


def test_what_cannot_be_cleared_away_keeps_nothing_else(
    make: Make, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("holdfast.jobs.keeper.CLEAR", 0.0)
    published = path.parent / "snapshots" / path.name / "documents"
    published.mkdir(parents=True)
    (published / ".DS_Store").write_text("x")
    (published / "7-1").mkdir()
    publish(make(), "kept")
    eventually(lambda: not (published / "7-1").exists())
    eventually(lambda: ".DS_Store cannot be cleared away" in caplog.text)
    assert "Traceback" not in caplog.text

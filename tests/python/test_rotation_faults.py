"""Rotations that cannot be, or end in the middle: no copy is removed for one that is not there."""

import asyncio
import os
import subprocess
import threading
from pathlib import Path

import pytest

import holdfast
from backup_copies import damage, fill, is_good, names, numbers
from holdfast import AsyncDatabase
from holdfast._turn import Turn


def rotated(db: holdfast.Database, directory: Path, times: int = 3) -> list[str]:
    for _ in range(times):
        holdfast.backup_rotated(db, directory, keep=times)
    return names(directory)


def test_a_damaged_database_removes_no_copy(path: Path, backups: Path) -> None:
    with holdfast.open(path) as db:
        db.execute("create table note(id integer primary key, body)")
        fill(db)
        before = rotated(db, backups)
    damage(path)
    with holdfast.open(path, profile="durable") as db, pytest.raises(holdfast.CorruptionError):
        holdfast.backup_rotated(db, backups, keep=1)
    assert names(backups) == before
    assert all(is_good(backups / name) for name in before)


@pytest.mark.parametrize("lost", ["truncated", "deleted"])
def test_a_database_that_was_lost_removes_no_copy(path: Path, backups: Path, lost: str) -> None:
    with holdfast.open(path) as db:
        db.execute("create table note(id integer primary key, body)")
        before = rotated(db, backups)
    if lost == "truncated":
        os.truncate(path, 0)
    else:
        path.unlink()
    with holdfast.open(path) as db:
        with pytest.raises(holdfast.OperationalError, match="has no tables"):
            holdfast.backup_rotated(db, backups, keep=1)
        assert names(backups) == before
        db.execute("create table note(id integer primary key, body)")
        assert len(holdfast.backup_rotated(db, backups, keep=1).removed) == 3


def test_a_progress_that_raises_leaves_all_as_it_was(db: holdfast.Database, backups: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = rotated(db, backups)
    with pytest.raises(KeyboardInterrupt):
        holdfast.backup_rotated(db, backups, keep=1, progress=stop)
    assert names(backups) == before
    with pytest.raises(holdfast.TimeoutError):
        holdfast.backup_rotated(db, backups, keep=1, timeout=0)
    assert names(backups) == before


async def test_a_task_that_is_cancelled_leaves_all_as_it_was(
    adb: AsyncDatabase, backups: Path
) -> None:
    rows = ({"body": b"x" * 4000} for _ in range(10_000))
    await adb.insert_many("note", rows)
    await holdfast.backup_rotated_async(adb, backups, keep=1)
    before = names(backups)
    copying = asyncio.Event()
    task = asyncio.create_task(
        holdfast.backup_rotated_async(adb, backups, keep=1, progress=lambda *_: copying.set())
    )
    await copying.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(backups) == before
    await holdfast.backup_rotated_async(adb, backups, keep=1)
    assert numbers(backups) == [2]


async def test_a_task_that_is_cancelled_at_the_end_leaves_when_all_is_done(
    adb: AsyncDatabase, backups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await holdfast.backup_rotated_async(adb, backups, keep=1)
    flushing, go_on = threading.Event(), threading.Event()
    fsync = os.fsync

    def slow(handle: int) -> None:
        flushing.set()
        go_on.wait(30)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", slow)
    task = asyncio.create_task(holdfast.backup_rotated_async(adb, backups, keep=1))
    await asyncio.to_thread(flushing.wait, 30)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert numbers(backups) == [2]
    await holdfast.backup_rotated_async(adb, backups, keep=1)


@pytest.mark.parametrize("small_disk", [4], indirect=True)
def test_a_full_disk_removes_no_copy(db: holdfast.Database, small_disk: Path) -> None:
    fill(db, 600)
    with pytest.raises(holdfast.OperationalError, match="the disk is full"):
        for _ in range(9):
            holdfast.backup_rotated(db, small_disk, keep=9)
    before = names(small_disk)
    assert len(before) > 1
    assert all(is_good(small_disk / name) for name in before)
    (small_disk / before[0]).unlink()
    report = holdfast.backup_rotated(db, small_disk, keep=1)
    assert names(small_disk) == [report.backup.path.name]


@pytest.mark.parametrize("small_disk", [1], indirect=True)
def test_a_disk_that_was_full_before_is_told(db: holdfast.Database, small_disk: Path) -> None:
    with (small_disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):
        while True:
            filler.write(bytes(4096))
    with pytest.raises(holdfast.OperationalError, match="No space left|disk is full"):
        holdfast.backup_rotated(db, small_disk)
    (small_disk / "filler").unlink()
    assert len(holdfast.backup_rotated(db, small_disk).kept) == 1


@pytest.mark.parametrize("small_disk", [4], indirect=True)
def test_a_directory_that_cannot_be_written_is_told(
    db: holdfast.Database, small_disk: Path
) -> None:
    before = rotated(db, small_disk)
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(holdfast.OperationalError, match=f"'{small_disk}': copies cannot be put"):
        holdfast.backup_rotated(db, small_disk, keep=1)
    assert names(small_disk) == before


@pytest.mark.parametrize("small_disk", [4], indirect=True)
def test_a_copy_that_cannot_be_removed_is_told(db: holdfast.Database, small_disk: Path) -> None:
    first, second, _ = [small_disk / name for name in rotated(db, small_disk)]
    # The system keeps a file that something is mounted on.
    subprocess.run(["mount", "--bind", db.path, first], check=True)
    try:
        report = holdfast.backup_rotated(db, small_disk, keep=2)
        assert report.skipped[0].path == first
        assert "cannot be removed" in report.skipped[0].why
        assert report.removed == (second,)
        assert len(report.kept) == 2
    finally:
        subprocess.run(["umount", first], check=True)


def test_a_directory_that_is_none_is_told(
    db: holdfast.Database, path: Path, backups: Path, tmp_path: Path
) -> None:
    with pytest.raises(holdfast.PathError, match="it does not exist"):
        holdfast.backup_rotated(db, tmp_path / "missing")
    with pytest.raises(holdfast.PathError, match="it is no directory"):
        holdfast.backup_rotated(db, path)
    assert not (tmp_path / "missing").exists()
    (tmp_path / "elsewhere").mkdir()
    (backups / ".app.db.rotation").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(holdfast.OperationalError, match=r"'\.app\.db\.rotation'"):
        holdfast.backup_rotated(db, backups)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_copy_that_somebody_changes_meanwhile_removes_no_other(
    db: holdfast.Database, backups: Path
) -> None:
    before = rotated(db, backups)
    turn = Turn(backups, db.path)
    unfinished = turn.begin()
    try:
        made = db.backup(unfinished)
        os.truncate(unfinished, 4096)
        with pytest.raises(holdfast.OperationalError, match="somebody changed"):
            turn.finish(made, 1)
    finally:
        turn.end()
    assert set(before) < set(names(backups))

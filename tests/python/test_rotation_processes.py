"""Rotations of several threads and processes, and of those that are killed in the middle."""

import os
import shutil
import signal
import threading
from pathlib import Path

import pytest

import holdfast
from backup_copies import copying, fill, is_good, names, numbers
from holdfast._turn import Turn
from processes import Child, fork, join

STORM = """
import sys, holdfast
with holdfast.open(sys.argv[1]) as db:
    print("ready", flush=True)
    sys.stdin.readline()
    made = 0
    while made < int(sys.argv[3]):
        try:
            report = holdfast.backup_rotated(db, sys.argv[2], keep=3)
        except holdfast.BusyError as error:
            assert error.retryable
            continue
        made += 1
        print(report.backup.path.name, flush=True)
"""
# Dies before the call of the system whose turn it is, and says nothing if there are fewer.
DYING = """
import os, signal, sys, holdfast
from holdfast import _turn
left = int(sys.argv[3])
class Dying:
    def __getattr__(self, name):
        value = getattr(os, name)
        if name not in {"open", "mkdir", "pread", "pwrite", "scandir", "rename", "fsync", "stat",
                        "unlink", "close"}:
            return value
        def call(*arguments, **keywords):
            global left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return value(*arguments, **keywords)
        return call
with holdfast.open(sys.argv[1]) as db:
    _turn.os = Dying()
    holdfast.backup_rotated(db, sys.argv[2], keep=2)
    _turn.os = os
"""


def test_a_second_rotation_is_refused_while_one_runs(
    db: holdfast.Database, path: Path, backups: Path
) -> None:
    fill(db)
    with copying(path, backups, keep=1) as first:
        with pytest.raises(holdfast.BusyError, match=r"another backup of 'app\.db'") as caught:
            holdfast.backup_rotated(db, backups, keep=1)
        assert caught.value.retryable
        # The one that was refused has not cleared away what the first is at.
        first.send()
        assert first.line() == names(backups)[0]
        first.finish()
    assert len(holdfast.backup_rotated(db, backups, keep=1).removed) == 1


def test_threads_take_turns(db: holdfast.Database, backups: Path) -> None:
    fill(db)
    made: list[Path] = []
    refused: list[holdfast.BusyError] = []

    def rotate() -> None:
        for _ in range(10):
            try:
                made.append(holdfast.backup_rotated(db, backups, keep=2).backup.path)
            except holdfast.BusyError as error:
                refused.append(error)

    threads = [threading.Thread(target=rotate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) + len(refused) == 40
    assert len(set(made)) == len(made)
    assert numbers(backups) == [len(made) - 1, len(made)]
    assert all(is_good(backups / name) for name in names(backups))


def test_processes_take_turns(db: holdfast.Database, path: Path, backups: Path) -> None:
    fill(db)
    children = [Child(STORM, path, backups, 8) for _ in range(4)]
    for child in children:
        assert child.line() == "ready"
    for child in children:
        child.send()
    made = [name for child in children for name in child.finish(60)]
    assert len(set(made)) == len(made) == 32
    assert numbers(backups) == [30, 31, 32]
    assert set(names(backups)) <= set(made)
    assert all(is_good(backups / name) for name in names(backups))


def test_a_process_that_is_killed_while_it_copies_leaves_the_copies(
    db: holdfast.Database, path: Path, backups: Path
) -> None:
    fill(db)
    for _ in range(2):
        holdfast.backup_rotated(db, backups, keep=2)
    before = names(backups)
    with copying(path, backups, keep=1) as child:
        child.signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    folder = backups / ".app.db.rotation"
    assert [file.suffix for file in folder.iterdir() if file.name != "lock"] == [".tmp"]
    assert sorted(file.name for file in backups.glob("app-*")) == before
    report = holdfast.backup_rotated(db, backups, keep=1)
    assert names(backups) == [report.backup.path.name]
    assert is_good(report.backup.path)


def test_a_process_may_be_killed_before_any_step(
    db: holdfast.Database, path: Path, backups: Path, tmp_path: Path
) -> None:
    for number in range(4):
        db.insert("note", {"body": str(number)})
        holdfast.backup_rotated(db, backups, keep=4)
    ends: list[tuple[int, int]] = []
    while not ends or ends[-1][0] != 0:
        place = tmp_path / f"killed-{len(ends)}"
        shutil.copytree(backups, place)
        with Child(DYING, path, place, len(ends)) as child:
            code = child.wait()
            assert child.errors == ""
        found = sorted(place.glob("app-*"))
        ends.append((code, len(found)))
        assert code in (0, -signal.SIGKILL)
        assert 2 <= len(found) <= 5
        assert found[-2].name >= names(backups)[-2]
        assert all(is_good(copy) for copy in found)
        holdfast.backup_rotated(db, place, keep=2)
        assert len(names(place)) == 2
    # It was killed before, in the middle of and after the removal of the copies.
    assert {count for _, count in ends} == {2, 3, 4, 5}


def test_a_forked_child_leaves_the_turn_to_its_parent(db: holdfast.Database, backups: Path) -> None:
    turn = Turn(backups, db.path)
    unfinished = turn.begin()
    try:
        made = db.backup(unfinished)
        join(fork(turn.end))
        with pytest.raises(holdfast.BusyError):
            holdfast.backup_rotated(db, backups)
        assert turn.finish(made, 1).kept == (backups / unfinished.name,)
    finally:
        turn.end()
    assert numbers(backups) == [1]


def test_a_child_that_outlives_its_parent_s_rotation_keeps_no_lock(
    db: holdfast.Database, backups: Path
) -> None:
    turn = Turn(backups, db.path)
    turn.begin()
    pid = fork(signal.pause)
    try:
        turn.end()
        assert len(holdfast.backup_rotated(db, backups).kept) == 1
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

"""Restores beside processes that open the file, and beside each other: nothing is lost or mixed."""

from pathlib import Path

import holdfast
from processes import Child

ROUNDS = 6
# Opens, writes one row, says so, closes, again and again until it is told to stop.
WRITER = """
import os, sys, threading, holdfast
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
number = 0
while not stop.is_set():
    number += 1
    try:
        with holdfast.open(sys.argv[1]) as db:
            db.insert("note", {"body": f"{os.getpid()}-{number}"})
    except holdfast.BusyError:
        continue
    print(f"{os.getpid()}-{number}", flush=True)
print("done", flush=True)
"""
RESTORER = """
import sys, holdfast
for line in sys.stdin:
    try:
        print(holdfast.restore(sys.argv[1], sys.argv[2]).safety_copy, flush=True)
    except holdfast.BusyError:
        print("busy", flush=True)
"""


def prepared(tmp_path: Path) -> tuple[Path, Path]:
    path, backup = tmp_path / "app.db", tmp_path / "base.db"
    with holdfast.open(path) as db:
        db.execute("create table note(id integer primary key, body text unique)")
        db.backup(backup)
    return path, backup


def rows(tmp_path: Path) -> set[str]:
    found: set[str] = set()
    for file in tmp_path.glob("app.db*"):
        if not file.name.endswith(("-wal", "-shm", "-journal")):
            with holdfast.open(file) as db:
                assert db.check().ok, file
                found |= {body for (body,) in db.fetch_all("select body from note")}
    return found


def test_every_acknowledged_row_is_in_the_database_or_in_a_safety_copy(tmp_path: Path) -> None:
    path, backup = prepared(tmp_path)
    acknowledged: set[str] = set()
    with Child(WRITER, path) as one, Child(WRITER, path) as two:
        with Child(RESTORER, backup, path) as restorer:
            for _ in range(ROUNDS):
                acknowledged |= {one.line(), two.line()}
                restorer.send()
                restorer.line()
        for writer in (one, two):
            writer.send()
            while (line := writer.line()) != "done":
                acknowledged.add(line)
    assert acknowledged <= rows(tmp_path)
    assert not list(tmp_path.glob(".holdfast-*"))


def test_two_restores_at_once_take_turns(tmp_path: Path) -> None:
    path, backup = prepared(tmp_path)
    with Child(RESTORER, backup, path) as one, Child(RESTORER, backup, path) as two:
        copies: list[str] = []
        for _ in range(ROUNDS):
            one.send()
            two.send()
            copies += [one.line(), two.line()]
    kept = [name for name in copies if name != "busy"]
    assert len(kept) == len(set(kept)) == len(list(tmp_path.glob("app.db.before-restore-*")))
    assert not list(tmp_path.glob(".holdfast-*"))
    assert rows(tmp_path) == set()

"""Checkpoints that are asked for: what they move, whom they wait for, whom they name."""

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import holdfast
from command_line import holdfast as command
from processes import Child, lock_held, look

INSERT = "insert into note(body) values (?)"
ALONE = ["full", "restart", "truncate"]


def fill(db: holdfast.Database, rows: int = 200) -> None:
    db.execute_many(INSERT, (["x" * 1000] for _ in range(rows)))


@contextmanager
def reading(db: holdfast.Database, name: str = "the-reader") -> Iterator[None]:
    """Another thread holds a snapshot that it has read from."""
    read, done = threading.Event(), threading.Event()

    def hold() -> None:
        with db.snapshot() as snapshot:
            snapshot.fetch_value("select count(*) from note")
            read.set()
            done.wait(30)

    thread = threading.Thread(target=hold, name=name)
    thread.start()
    assert read.wait(20)
    try:
        yield
    finally:
        done.set()
        thread.join(20)


@pytest.mark.parametrize("mode", ["passive", *ALONE])
def test_it_moves_all_when_nobody_is_in_the_way(
    db: holdfast.Database, path: Path, mode: Any
) -> None:
    fill(db)
    before = path.stat().st_size
    report = db.checkpoint(mode)
    assert (report.mode, report.complete, report.readers, report.processes) == (mode, True, (), ())
    assert report.pages == report.moved > 50
    assert path.stat().st_size > before + 150_000
    assert (db.stats()["wal_size"] == 0) == (mode == "truncate")
    assert look(path, "select count(*) from note") == [[200]]


@pytest.mark.parametrize("mode", ALONE)
def test_a_reader_is_waited_for_and_named(db: holdfast.Database, mode: Any) -> None:
    fill(db)
    with reading(db):
        fill(db)
        begun = time.monotonic()
        report = db.checkpoint(mode, timeout=0.3)
        assert 0.25 < time.monotonic() - begun < 5
        assert not report.complete
        assert report.moved < report.pages
        (reader,) = report.readers
        assert reader["thread"] == "the-reader"
        assert reader["statement"] == "select count(*) from note"
        assert reader["held"] > 0.3
        assert report.processes == ()
        # The lane was given back.
        assert db.execute(INSERT, ["y"], timeout=5) == 1
    assert db.checkpoint(mode).complete


def test_a_reader_that_ends_meanwhile_lets_it_complete(db: holdfast.Database) -> None:
    fill(db)
    with ThreadPoolExecutor(1) as pool:
        with reading(db):
            fill(db)
            result = pool.submit(db.checkpoint, "truncate", timeout=20)
            time.sleep(0.1)
            assert not result.done()
        assert result.result(timeout=20).complete


def test_a_snapshot_of_the_same_thread_is_not_waited_for(db: holdfast.Database) -> None:
    fill(db)
    with db.snapshot() as snapshot:
        snapshot.fetch_value("select 1 from note")
        fill(db)
        begun = time.monotonic()
        report = db.checkpoint("full")
        assert time.monotonic() - begun < 3
        assert [r["thread"] for r in report.readers] == ["MainThread"]


def test_passive_waits_for_nobody(db: holdfast.Database, path: Path) -> None:
    fill(db)
    with reading(db):
        fill(db)
        report = db.checkpoint()
        assert not report.complete
        assert 0 < report.moved < report.pages
        assert [r["thread"] for r in report.readers] == ["the-reader"]
    with db.transaction() as tx:
        tx.execute(INSERT, ["open"])
        assert db.checkpoint().complete
        with pytest.raises(holdfast.ProgrammingError, match="holds the writer lane already"):
            db.checkpoint("full")
    with lock_held(path):
        assert db.checkpoint(timeout=0.1).complete


def test_the_lane_and_another_process_are_bounded_and_named(
    db: holdfast.Database, path: Path
) -> None:
    fill(db)
    with db.transaction(), ThreadPoolExecutor(1) as pool:
        result = pool.submit(db.checkpoint, "full", timeout=0.2)
        with pytest.raises(holdfast.BusyError, match='writer lane, held by thread "MainThread"'):
            result.result(timeout=20)
    with lock_held(path) as other:
        report = db.checkpoint("restart", timeout=0.2)
        assert (report.complete, report.processes) == (False, (other.pid,))
        other.send()
        assert db.checkpoint("restart", timeout=20).complete


def test_writers_go_on_while_it_waits(db: holdfast.Database) -> None:
    fill(db)
    with reading(db), ThreadPoolExecutor(1) as pool:
        fill(db)
        result = pool.submit(db.checkpoint, "truncate", timeout=1)
        written = 0
        while not result.done():
            written += db.execute(INSERT, ["z"])
        assert written > 20
        assert not result.result().complete


_INTERRUPTED = """
import sys, holdfast
db = holdfast.open(sys.argv[1])
db.execute("create table note(body)")
db.execute_many("insert into note values (?)", (["x" * 1000] for _ in range(100)))
print("ready", flush=True)
sys.stdin.readline()
try:
    db.checkpoint("truncate", timeout=60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
sys.stdin.readline()
print(db.checkpoint("truncate", timeout=20).complete, flush=True)
"""


def test_ctrl_c_ends_its_wait(path: Path) -> None:
    with Child(_INTERRUPTED, path) as child:
        assert child.line() == "ready"
        with lock_held(path):
            child.send()
            time.sleep(0.3)
            child.signal(signal.SIGINT)
            assert child.line(timeout=5) == "interrupted"
        child.send()
        assert child.line() == "True"
        child.finish()


def test_without_a_log_there_is_nothing_to_do(opened: Any, path: Path) -> None:
    db = opened(pragmas={"journal_mode": "delete"})
    db.execute("create table note(body)")
    report = db.checkpoint("truncate")
    assert (report.pages, report.moved, report.complete) == (0, 0, True)
    with pytest.raises(holdfast.ProgrammingError, match="unknown mode 'all'|unknown mode \"all\""):
        db.checkpoint("all")  # pyright: ignore[reportArgumentType]
    with (
        holdfast.open(path, read_only=True, pragmas={"journal_mode": "delete"}) as reader,
        pytest.raises(holdfast.ProgrammingError, match="read_only"),
    ):
        reader.checkpoint()


def test_the_command_line_names_the_process_in_the_way(db: holdfast.Database, path: Path) -> None:
    fill(db)
    report = command("checkpoint", path, "--mode", "truncate", "--json").json
    assert report["complete"]
    assert path.with_name("app.db-wal").stat().st_size == 0
    fill(db)
    with db.snapshot() as snapshot:
        snapshot.fetch_value("select 1 from note")
        fill(db)
        done = command("checkpoint", path, "--mode", "full", "--timeout", "0.2")
        assert (done.code, "in the way: process" in done.out) == (1, True)

"""Who holds the lane, who held it longest, who pins the log: in the statistics and the log."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import holdfast
from processes import Child
from test_logging import Records, records

__all__ = ["records"]

INSERT = "insert into note(body) values (?)"


def start(work: Callable[[], object], name: str) -> threading.Thread:
    thread = threading.Thread(target=work, name=name)
    thread.start()
    return thread


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def quick(opened: Callable[..., holdfast.Database]) -> holdfast.Database:
    """A database that warns of holds of 50 ms."""
    db = opened(hold_warning=0.05)
    db.execute("create table note(id integer primary key, body)")
    return db


def holds(records: Records) -> Iterator[str]:
    return (r.getMessage() for r in records.seen if r.name == "holdfast.writer")


def test_the_longest_holds_are_kept_with_thread_and_statement(db: holdfast.Database) -> None:
    took: dict[str, float] = {}

    def hold(number: int) -> None:
        with db.transaction() as tx:
            begun = time.perf_counter()
            tx.execute(f"insert into note(body) values ({number})")
            # On a busy machine a short one may sleep for longer than it means to.
            time.sleep(0.03 * number if number < 7 else max(0.21, 2 * max(took.values())))
            took[f"worker-{number}"] = time.perf_counter() - begun

    for number in range(1, 8):
        start(lambda number=number: hold(number), f"worker-{number}").join(20)
    for _ in range(200):
        db.execute(INSERT, ["short"])
    longest = db.stats()["lane"]["longest"]
    assert [hold["thread"] for hold in longest] == sorted(took, key=took.get, reverse=True)[:5]
    assert longest[0]["statement"] == "insert into note(body) values (7)"
    assert longest[0]["held"] >= 0.21
    assert abs(longest[0]["ended"] - time.time()) < 60


def test_who_holds_the_lane_now_and_how_many_wait(db: holdfast.Database) -> None:
    with db.transaction() as tx:
        tx.execute(INSERT, ["x"])
        waiting = [start(lambda: db.execute(INSERT, ["y"]), f"w{n}") for n in range(3)]
        until(lambda: db.stats()["lane"]["waiting"] == 3)
        holder = db.stats()["lane"]["holder"]
    for thread in waiting:
        thread.join(20)
    assert holder
    assert (holder["thread"], holder["statement"]) == ("MainThread", INSERT)
    assert db.stats()["lane"]["holder"] is None


def test_a_long_hold_is_warned_about_once_it_is_over(
    quick: holdfast.Database, records: Records
) -> None:
    def hold() -> None:
        with quick.transaction() as tx:
            tx.execute("insert into note(body) values ('slow')")
            time.sleep(0.1)

    start(hold, "the-slow-one").join(20)
    record = records.wait_for(lambda r: "was held" in r.getMessage())
    assert (record.name, record.levelno) == ("holdfast.writer", logging.WARNING)
    assert 'thread "the-slow-one"' in record.getMessage()
    assert "first statement: insert into note(body) values ('slow')" in record.getMessage()
    quick.execute(INSERT, ["quick"])
    assert len(list(holds(records))) == 1


def test_a_hold_that_does_not_end_is_warned_about_by_who_waits(
    quick: holdfast.Database, records: Records
) -> None:
    done = threading.Event()

    def hold() -> None:
        with quick.transaction() as tx:
            tx.execute(INSERT, ["never"])
            done.wait(20)

    holder = start(hold, "the-endless-one")
    until(lambda: quick.stats()["lane"]["holder"])
    waiting = [start(lambda: quick.execute(INSERT, ["w"]), f"w{n}") for n in range(3)]
    try:
        record = records.wait_for(lambda r: "is held" in r.getMessage())
        assert 'thread "the-endless-one"' in record.getMessage()
        # Again when it is ten times as long, and not by each who waits.
        records.wait_for(lambda _: sum("is held" in m for m in holds(records)) == 2)
        assert quick.stats()["lane"]["waiting"] == 3
    finally:
        done.set()
        for thread in [holder, *waiting]:
            thread.join(20)
    records.wait_for(lambda r: "was held" in r.getMessage())
    assert sum("is held" in message for message in holds(records)) == 2


def test_the_warning_can_be_off(opened: Any, records: Records) -> None:
    db = opened(hold_warning=None)
    with db.transaction() as tx:
        tx.execute("create table note(body)")
        time.sleep(0.05)
    with pytest.raises(holdfast.ProgrammingError, match="no time in seconds"):
        opened(hold_warning=-1)
    assert not list(holds(records))


def test_a_reader_that_pins_the_log_is_named(db: holdfast.Database, records: Records) -> None:
    read, done = threading.Event(), threading.Event()

    def hold() -> None:
        with db.snapshot() as snapshot:
            snapshot.fetch_value("select 'old state' from sqlite_schema")
            read.set()
            done.wait(60)

    db.execute(INSERT, ["x"])
    thread = start(hold, "the-pin")
    assert read.wait(20)
    try:
        # Past the ceiling of 16,000 pages.
        db.execute_many(INSERT, (["x" * 4000] for _ in range(18_000)))
        record = records.wait_for(lambda r: r.name == "holdfast.checkpoint")
        wal = db.stats()["wal"]
    finally:
        done.set()
        thread.join(20)
    assert record.levelno == logging.WARNING
    assert 'a reader of thread "the-pin"' in record.getMessage()
    assert "first statement: select 'old state' from sqlite_schema" in record.getMessage()
    assert wal["pages"] > 16_000 > wal["moved"]
    (reader,) = wal["readers"]
    assert (reader["thread"], wal["processes"]) == ("the-pin", [])
    assert reader["held"] > 0
    # It has gone, and so nobody is named any more.
    assert db.stats()["wal"]["readers"] == []
    db.execute_many(INSERT, (["x" * 4000] for _ in range(1_100)))
    until(lambda: db.stats()["wal"]["moved"] > 16_000 or db.stats()["wal"]["pages"] < 16_000)


_PIN = """
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("begin")
c.execute("select count(*) from note").fetchall()
print("read", flush=True)
sys.stdin.readline()
c.close()
"""


def test_a_process_that_pins_the_log_is_named(db: holdfast.Database, path: Path) -> None:
    db.execute(INSERT, ["x"])
    with Child(_PIN, path) as other:
        assert other.line() == "read"
        db.execute_many(INSERT, (["x" * 4000] for _ in range(1_500)))
        until(lambda: db.stats()["wal"]["processes"])
        wal = db.stats()["wal"]
        assert (wal["processes"], wal["readers"]) == ([other.pid], [])
        other.send()
        other.finish()

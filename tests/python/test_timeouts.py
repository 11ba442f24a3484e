"""`timeout=`: every verb that can wait has it, and it covers the whole call."""

import inspect
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast import _core
from processes import Child, lock_held

INSERT = "insert into note(body) values ('x')"
LONG = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"
STEPS = [holdfast.Migration(1, "tag", "create table tag(x)")]
ROW = {"id": 7, "body": "x"}
#: They wait for nothing, or have a bound of their own.
WITHOUT = {"close", "closed", "path", "stats"}

WAITS_FOR_THE_LANE: dict[str, Callable[[holdfast.Database, float], Any]] = {
    "execute": lambda db, t: db.execute(INSERT, timeout=t),
    "execute_many": lambda db, t: db.execute_many(INSERT, [[]], timeout=t),
    "execute_script": lambda db, t: db.execute_script(INSERT, timeout=t),
    "fetch_value": lambda db, t: db.fetch_value(f"{INSERT} returning id", timeout=t),
    "insert": lambda db, t: db.insert("note", ROW, timeout=t),
    "insert_many": lambda db, t: db.insert_many("note", [ROW], timeout=t),
    "upsert": lambda db, t: db.upsert("note", ROW, key="id", timeout=t),
    "upsert_many": lambda db, t: db.upsert_many("note", [ROW], key="id", timeout=t),
    "transaction": lambda db, t: db.transaction(timeout=t).__enter__(),
    "run": lambda db, t: db.run(lambda tx: tx.execute(INSERT), timeout=t),
    "migrate": lambda db, t: db.migrate(STEPS, component="mine", timeout=t),
    "vacuum": lambda db, t: db.vacuum(timeout=t),
    "vacuum_full": lambda db, t: db.vacuum(full=True, timeout=t),
    "checkpoint": lambda db, t: db.checkpoint("full", timeout=t),
}
WAITS_FOR_A_READER: dict[str, Callable[[holdfast.Database, float], Any]] = {
    "fetch_all": lambda db, t: db.fetch_all("select 1", timeout=t),
    "fetch_one": lambda db, t: db.fetch_one("select 1", timeout=t),
    "iterate": lambda db, t: db.iterate("select 1", timeout=t),
    "snapshot": lambda db, t: db.snapshot(timeout=t).__enter__(),
    "check": lambda db, t: db.check(timeout=t),
    "backup": lambda db, t: db.backup(db.path.with_name("copy.db"), timeout=t),
    "pragmas": lambda db, t: db.pragmas(timeout=t),
    "schema_version": lambda db, t: db.schema_version(timeout=t),
}


@contextmanager
def held(begin: Callable[[], Any]) -> Iterator[None]:
    """Another thread is in the middle of something."""
    ready, done = threading.Event(), threading.Event()

    def hold() -> None:
        with begin():
            ready.set()
            done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert ready.wait(20)
    try:
        yield
    finally:
        done.set()
        thread.join(20)


def ends_in_time(call: Callable[[float], Any]) -> None:
    begun = time.monotonic()
    with pytest.raises((holdfast.BusyError, holdfast.TimeoutError)):
        call(0.15)
    assert 0.1 < time.monotonic() - begun < 3


def test_every_verb_that_waits_has_a_timeout() -> None:
    owners = [holdfast.Database, _core.Session, _core.Transaction]
    verbs = {
        f"{owner.__name__}.{name}": verb
        for owner in owners
        for name, verb in inspect.getmembers(owner, callable)
        if not name.startswith("_") and name not in WITHOUT
    }
    verbs["restore"] = holdfast.restore
    # A savepoint waits for nothing.
    del verbs["Transaction.transaction"]
    assert len(verbs) > 30
    without = [
        n for n, verb in verbs.items() if "timeout" not in inspect.signature(verb).parameters
    ]
    assert without == []
    known = {*WAITS_FOR_THE_LANE, *WAITS_FOR_A_READER}
    assert {name.partition(".")[2] for name in verbs if name.startswith("Database")} <= known


@pytest.mark.parametrize("verb", WAITS_FOR_THE_LANE)
def test_a_wait_for_the_lane_ends_with_it(db: holdfast.Database, verb: str) -> None:
    with held(db.transaction):
        ends_in_time(lambda t: WAITS_FOR_THE_LANE[verb](db, t))
    assert db.execute(INSERT, timeout=5) == 1


@pytest.mark.parametrize("verb", [v for v in WAITS_FOR_THE_LANE if v != "checkpoint"])
def test_a_wait_for_another_process_ends_with_it(
    db: holdfast.Database, path: Path, verb: str
) -> None:
    with lock_held(path):
        ends_in_time(lambda t: WAITS_FOR_THE_LANE[verb](db, t))
    assert db.execute(INSERT, timeout=5) == 1


@pytest.mark.parametrize("verb", WAITS_FOR_A_READER)
def test_a_wait_for_a_reader_ends_with_it(opened: Any, verb: str) -> None:
    db = opened(pool_size=1)
    with held(db.snapshot):
        ends_in_time(lambda t: WAITS_FOR_A_READER[verb](db, t))
    assert db.fetch_value("select 1", timeout=5) == 1


def test_run_ends_with_its_timeout(db: holdfast.Database) -> None:
    def one_long(tx: holdfast.Transaction) -> None:
        tx.execute(INSERT)
        with tx.transaction() as inner:
            inner.fetch_value(LONG)

    def each_row(tx: holdfast.Transaction) -> None:
        tx.execute(INSERT)
        for _ in tx.iterate(LONG.replace("count(*)", "n")):
            pass

    def in_python(tx: holdfast.Transaction) -> None:
        tx.execute(INSERT)
        time.sleep(0.2)

    for function in (one_long, each_row, in_python):
        begun = time.monotonic()
        with pytest.raises(holdfast.TimeoutError, match=r"after 150\.0ms"):
            db.run(function, timeout=0.15)
        assert time.monotonic() - begun < 3
    assert db.fetch_value("select count(*) from note") == 0
    # The sooner one counts.
    with pytest.raises(holdfast.TimeoutError, match=r"after 50\.0ms"):
        db.run(lambda tx: tx.fetch_value(LONG, timeout=0.05), timeout=20)
    assert db.run(lambda tx, n: tx.fetch_value("select ?", [n]), 7, timeout=5) == 7


def test_a_migration_that_takes_too_long_changes_nothing(db: holdfast.Database) -> None:
    begun = time.monotonic()
    step = holdfast.Migration(1, "long", f"create table tag as {LONG}")
    with pytest.raises(holdfast.TimeoutError):
        db.migrate([step], component="mine", timeout=0.2)
    assert time.monotonic() - begun < 5
    assert db.schema_version("mine") == 0


def test_a_restore_that_takes_too_long_changes_nothing(db: holdfast.Database, path: Path) -> None:
    db.execute_many("insert into note(body) values (?)", [["x" * 100]] * 1000)
    copy = path.with_name("copy.db")
    db.backup(copy)
    db.execute(INSERT)
    db.close()
    lock = "import fcntl, os, sys; d = os.open(sys.argv[1], os.O_RDONLY); "
    lock += "fcntl.flock(d, fcntl.LOCK_EX); print('held', flush=True); input()"
    with Child(lock, path.parent) as other:
        assert other.line() == "held"
        ends_in_time(lambda t: holdfast.restore(copy, path, timeout=t))
        other.send()
        other.finish()
    with pytest.raises(holdfast.TimeoutError):
        holdfast.restore(copy, path, timeout=0)
    with holdfast.open(path) as again:
        assert again.fetch_value("select count(*) from note") == 1001

"""The writer lane and the pool: order, who is named, deadlines, recovery."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast import RetryPolicy
from holdfast.errors import BusyError, TimeoutError
from processes import lock_held

ONCE = RetryPolicy(attempts=1)
INSERT = "insert into note(body) values ('x')"
LONG = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"
WRITE = f"insert into note(body) {LONG}"


def start(target: Callable[..., object], *args: object, name: str | None = None) -> Any:
    thread = threading.Thread(target=target, args=args, name=name)
    thread.start()
    return thread


def waiting_for_lane(db: holdfast.Database, count: int) -> None:
    """Wait until this many threads queue for the lane, as the error of a quick try shows."""
    deadline = time.monotonic() + 20
    while db.stats()["lane"]["waiting"] < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_threads_take_the_lane_in_the_order_they_came(db: holdfast.Database) -> None:
    order: list[int] = []

    def write(number: int) -> None:
        with db.transaction() as tx:
            order.append(number)
            tx.execute(INSERT)

    threads = []
    with db.transaction():
        for number in range(8):
            threads.append(start(write, number))
            waiting_for_lane(db, number + 1)
    for thread in threads:
        thread.join(20)
    assert order == list(range(8))


def test_a_busy_error_names_the_holder_and_its_first_statement(db: holdfast.Database) -> None:
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with db.transaction() as tx:
            tx.execute("insert into note(body) values ('first of all')")
            tx.execute("delete from note")
            held.set()
            done.wait(20)

    thread = start(hold, name="the-hoarder")
    assert held.wait(20)
    try:
        with pytest.raises(BusyError) as caught:
            db.execute(INSERT, timeout=0.05)
        with pytest.raises(BusyError), db.transaction(timeout=0.05):
            pass
        assert db.fetch_all("select * from note") == []
    finally:
        done.set()
        thread.join(20)
    text = str(caught.value)
    assert 'thread "the-hoarder"' in text
    assert "first statement: insert into note(body) values ('first of all')" in text
    assert caught.value.retryable
    assert db.execute(INSERT) == 1


def test_a_timeout_bounds_all_retries(db: holdfast.Database) -> None:
    with db.snapshot(), db.transaction():
        begun = time.monotonic()
        errors: list[BaseException] = []

        def write() -> None:
            try:
                db.execute(INSERT, timeout=0.3)
            except BusyError as error:
                errors.append(error)

        start(write).join(20)
        assert 0.25 < time.monotonic() - begun < 3
        assert len(errors) == 1


def test_another_process_is_named_by_its_pid(opened: Any, path: Path) -> None:
    db = opened(retry=ONCE)
    db.execute("create table note(id integer primary key, body)")
    with lock_held(path) as other:
        for write in (
            lambda: db.execute(INSERT, timeout=0.1),
            lambda: db.insert("note", {"body": "x"}, timeout=0.1),
            lambda: db.execute_many(INSERT, [[]], timeout=0.1),
            lambda: db.transaction(timeout=0.1).__enter__(),
        ):
            with pytest.raises(BusyError, match=rf"another process \(pid {other.pid}\)") as caught:
                write()
            assert caught.value.sqlite_errorname == "SQLITE_BUSY"
        assert db.fetch_value("select count(*) from note") == 0
        other.send()
        assert db.insert("note", {"body": "y" * 100}) == 1
    assert db.fetch_value("select length(body) from note") == 100


def test_waiting_for_another_process_lets_other_threads_work(opened: Any, path: Path) -> None:
    db = opened()
    db.execute("create table note(id integer primary key, body)")
    with lock_held(path) as other:
        writers = [start(db.insert, "note", {"body": f"text {n}"}) for n in range(4)]
        waiting_for_lane(db, 3)
        for _ in range(2000):
            assert db.fetch_value("select count(*) from note") == 0
        other.send()
        for writer in writers:
            writer.join(20)
    assert db.fetch_value("select count(distinct body) from note") == 4


def test_an_exhausted_pool_names_its_holders(opened: Any) -> None:
    db = opened(pool_size=2)
    held, done = threading.Barrier(3), threading.Event()

    def hold() -> None:
        with db.snapshot() as snapshot:
            snapshot.fetch_value("select 'from a snapshot'")
            held.wait(20)
            done.wait(20)

    threads = [start(hold, name=f"reader-{n}") for n in range(2)]
    held.wait(20)
    try:
        with pytest.raises(BusyError) as caught:
            db.fetch_value("select 1", timeout=0.1)
    finally:
        done.set()
        for thread in threads:
            thread.join(20)
    for text in ('thread "reader-0"', 'thread "reader-1"', "'from a snapshot'", "pool_size"):
        assert text in str(caught.value)
    assert db.fetch_value("select 1") == 1


@pytest.mark.parametrize("verb", ["execute", "fetch_all", "fetch_one", "fetch_value"])
def test_a_statement_over_its_timeout_ends(db: holdfast.Database, verb: str) -> None:
    begun = time.monotonic()
    with pytest.raises(TimeoutError, match="its timeout"):
        getattr(db, verb)(WRITE if verb == "execute" else LONG, timeout=0.1)
    assert time.monotonic() - begun < 5
    with pytest.raises(TimeoutError):
        next(db.iterate(LONG, timeout=0.05))
    assert db.execute(INSERT) == 1
    assert db.fetch_value("select count(*) from note") == 1


def test_a_statement_over_its_timeout_leaves_the_transaction(db: holdfast.Database) -> None:
    with db.transaction() as tx:
        tx.execute(INSERT)
        with pytest.raises(TimeoutError):
            tx.fetch_value(LONG, timeout=0.05)
        assert tx.fetch_value("select count(*) from note") == 1
        tx.execute(INSERT)
    assert db.fetch_value("select count(*) from note") == 2


def test_a_write_over_its_timeout_keeps_nothing(db: holdfast.Database) -> None:
    endless = LONG.replace("select count(*) from c", "select n, 'x' from c")
    with pytest.raises(TimeoutError):
        db.execute(f"insert into note {endless}", timeout=0.1)
    assert db.fetch_value("select count(*) from note") == 0
    add = db.execute(INSERT)
    assert add == 1


@pytest.mark.parametrize("timeout", [-1.0, float("nan"), float("inf")])
def test_a_timeout_that_is_none_is_refused(db: holdfast.Database, timeout: float) -> None:
    with pytest.raises(holdfast.errors.ProgrammingError, match="no time in seconds"):
        db.execute(INSERT, timeout=timeout)

"""Fork: the child works on its own, the parent's transactions stay the parent's."""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.errors import ForkError
from processes import fork, join, look, run

COUNT = "select count(*) from note"
INSERT = "insert into note(body) values (?)"

# From 3.12 on Python warns of a fork beside threads, which is what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def test_the_child_reads_and_writes(db: holdfast.Database, path: Path) -> None:
    db.execute(INSERT, ["parent"])

    def child() -> None:
        assert db.fetch_all("select body from note") == [("parent",)]
        for number in range(50):
            db.execute(INSERT, [number])
        with db.transaction() as tx, tx.transaction() as inner:
            inner.execute(INSERT, ["last"])
        db.close()

    join(fork(child))
    assert db.fetch_value(COUNT) == 52
    assert look(path, COUNT) == [[52]]


def test_commits_of_the_child_stay_when_the_parent_closes_first(path: Path) -> None:
    db = holdfast.open(path)
    db.execute("create table note(id integer primary key, body)")
    parent_closed, child_done = os.pipe(), os.pipe()

    def child() -> None:
        db.execute(INSERT, ["before"])
        os.write(child_done[1], b"x")
        os.read(parent_closed[0], 1)
        for number in range(50):
            db.execute(INSERT, [number])
            if number == 25:
                assert look(path, COUNT) == [[27]]

    pid = fork(child)
    os.read(child_done[0], 1)
    db.close()
    os.write(parent_closed[1], b"x")
    join(pid)
    for end in (*parent_closed, *child_done):
        os.close(end)
    assert look(path, COUNT) == [[51]]
    assert look(path, "pragma integrity_check") == [["ok"]]


def test_parent_and_child_write_at_once(db: holdfast.Database, path: Path) -> None:
    def work() -> None:
        for number in range(200):
            db.execute(INSERT, [number])

    pids = [fork(work) for _ in range(3)]
    work()
    for pid in pids:
        join(pid)
    assert db.fetch_value(COUNT) == 800
    assert look(path, COUNT) == [[800]]


def test_a_transaction_stays_the_parents(db: holdfast.Database, path: Path) -> None:
    with db.transaction() as tx, db.snapshot() as snapshot:
        tx.execute(INSERT, ["mine"])
        rows, own = tx.iterate("select 1"), db.iterate("select 1")

        def child() -> None:
            inner = tx.transaction()
            for use in (
                lambda: tx.execute(INSERT, ["child"]),
                lambda: tx.fetch_value(COUNT),
                lambda: inner.__enter__(),
                lambda: next(rows),
                lambda: next(own),
                lambda: snapshot.fetch_value(COUNT),
                lambda: tx.__exit__(None, None, None),
            ):
                with pytest.raises(ForkError, match="begin it again in the child"):
                    use()
            assert db.fetch_value(COUNT) == 0

        join(fork(child))
        tx.execute(INSERT, ["mine too"])
        assert next(own) == (1,)
        assert snapshot.fetch_value(COUNT) == 0
    assert look(path, COUNT) == [[2]]


def test_a_child_that_leaves_the_block_by_an_exception_harms_nothing(
    db: holdfast.Database, path: Path
) -> None:
    with db.transaction() as tx:
        tx.execute(INSERT, ["mine"])
        try:
            with tx.transaction():
                if (pid := os.fork()) == 0:
                    raise KeyError
        except KeyError:
            os._exit(0)
        join(pid)
    assert look(path, COUNT) == [[1]]


@pytest.fixture
def busy(db: holdfast.Database) -> Iterator[None]:
    """Threads that hammer the database meanwhile."""
    stop = threading.Event()

    def hammer(number: int) -> None:
        while not stop.is_set():
            db.execute(INSERT, [number])
            db.fetch_all("select * from note order by id desc limit 5")
            with db.transaction() as tx:
                tx.execute("delete from note where id % 7 = 0")
            holdfast.open(":memory:").close()

    threads = [threading.Thread(target=hammer, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join(30)


@pytest.mark.usefixtures("busy")
def test_a_fork_beside_busy_threads_does_not_deadlock(db: holdfast.Database, path: Path) -> None:
    def child() -> None:
        for number in range(5):
            db.execute(INSERT, [f"child {number}"])
            db.fetch_value(COUNT)
        with holdfast.open(":memory:") as other:
            other.execute("create table t(x)")

    for _ in range(25):
        join(fork(child))
    assert db.fetch_value("select count(*) from note where body like 'child%'") > 0
    assert look(path, "pragma integrity_check") == [["ok"]]


def test_grandchildren_work_too(db: holdfast.Database, path: Path) -> None:
    def child() -> None:
        db.execute(INSERT, ["child"])
        join(fork(lambda: db.execute(INSERT, ["grandchild"])))
        assert db.fetch_value(COUNT) == 2

    join(fork(child))
    assert db.fetch_value(COUNT) == 2
    assert look(path, COUNT) == [[2]]


_shared: list[Any] = []


def _write(number: int) -> int:
    return _shared[0].execute(INSERT, [number])


def test_a_forking_pool_of_processes_works(db: holdfast.Database, path: Path) -> None:
    _shared[:] = [db]
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert sum(pool.map(_write, range(100), chunksize=5)) == 100
    _shared.clear()
    assert db.fetch_value("select count(distinct body) from note") == 100
    assert look(path, COUNT) == [[100]]


_EXIT = """
import os, sys, holdfast
db = holdfast.open(sys.argv[1])
db.execute("create table note(id integer primary key, body)")
memory = holdfast.open(":memory:")
pid = os.fork()
db.execute("insert into note(body) values (?)", ["child" if pid == 0 else "parent"])
if pid:
    assert os.waitpid(pid, 0)[1] == 0
    assert os.path.exists(memory.path), "the child removed what is the parent's"
"""


def test_a_child_that_ends_as_an_interpreter_does(path: Path) -> None:
    run(_EXIT, path)
    assert look(path, "select body from note order by body") == [["child"], ["parent"]]

"""Many threads at once: no deadlock, no lost write, and Python goes on beside."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import holdfast
from processes import Child, look

INSERT = "insert into note(body) values (?)"
COUNT = "select count(*) from note"
SLOW = (
    "with recursive c(n) as (select 1 union all select n + 1 from c where n < 3000000)"
    " select count(*) from c"
)
ROW = {"id": 7, "body": "x"}
WRITES: dict[str, Callable[[holdfast.Database], Any]] = {
    "execute": lambda db: db.execute(INSERT, ["x"]),
    "execute_many": lambda db: db.execute_many(INSERT, [["x"]]),
    "execute_script": lambda db: db.execute_script("insert into note(body) values ('x')"),
    "fetch_value": lambda db: db.fetch_value(f"{INSERT} returning id", ["x"]),
    "insert": lambda db: db.insert("note", ROW),
    "insert_many": lambda db: db.insert_many("note", [ROW]),
    "upsert": lambda db: db.upsert("note", ROW, key=["id"]),
    "upsert_many": lambda db: db.upsert_many("note", [ROW], key=["id"]),
    "run": lambda db: db.run(lambda tx: tx.execute(INSERT, ["x"])),
}


@pytest.mark.parametrize("verb", WRITES)
def test_every_write_can_wait_for_the_lane(db: holdfast.Database, verb: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        with db.transaction():
            result = pool.submit(WRITES[verb], db)
            while not db.stats()["lane"]["waiting"]:
                time.sleep(0.001)
        result.result(timeout=20)
    assert db.fetch_value(COUNT) == 1


def test_a_hundred_operations_at_once(db: holdfast.Database) -> None:
    def work(number: int) -> int:
        match number % 5:
            case 0:
                return db.execute(INSERT, [number])
            case 1:
                with db.transaction() as tx:
                    return tx.execute(INSERT, [number])
            case 2:
                return db.run(lambda tx: tx.execute(INSERT, [number]))
            case 3:
                with db.snapshot() as snapshot:
                    snapshot.fetch_value(COUNT)
                return db.execute_many(INSERT, [[number]])
            case _:
                list(db.iterate("select * from note limit 3"))
                return 1 if db.insert("note", {"body": number}) else 0

    with ThreadPoolExecutor(100) as pool:
        assert sum(pool.map(work, range(100), timeout=60)) == 100
    assert db.fetch_value("select count(distinct body) from note") == 100


def test_no_increment_is_lost(db: holdfast.Database) -> None:
    db.execute("insert into note values (1, 0)")

    def increment(_: int) -> None:
        with db.transaction() as tx:
            value = tx.fetch_value("select body from note")
            tx.execute("update note set body = ?", [value + 1])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(400), timeout=60))
    assert db.fetch_value("select body from note") == 400


_WRITER = """
import sys, holdfast
with holdfast.open(sys.argv[1]) as db:
    for number in range(int(sys.argv[2])):
        db.execute("insert into note(body) values (?)", [number])
        db.run(lambda tx: tx.execute("update note set body = body + 1 where id = 1"))
"""


def test_processes_and_threads_write_together(db: holdfast.Database, path: Path) -> None:
    db.execute("insert into note values (1, 0)")
    with Child(_WRITER, path, 100) as one, Child(_WRITER, path, 100) as two:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: db.execute(INSERT, [n]), range(100), timeout=60))
        one.finish()
        two.finish()
    assert db.fetch_value(COUNT) == 301
    assert db.fetch_value("select body from note where id = 1") == 200
    assert look(path, COUNT) == [[301]]


@pytest.fixture
def spinning():
    """A thread of pure Python that never waits; gives how far it has come."""
    stop, turns = threading.Event(), [0]

    def spin() -> None:
        while not stop.is_set():
            turns[0] += 1

    thread = threading.Thread(target=spin)
    thread.start()
    yield turns
    stop.set()
    thread.join(20)


def test_two_threads_work_beside_a_busy_one(db: holdfast.Database, spinning: list[int]) -> None:
    def work(number: int) -> None:
        for _ in range(200):
            db.execute(INSERT, [number])
            db.fetch_value(COUNT)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2), timeout=60))
    assert db.fetch_value(COUNT) == 400
    assert spinning[0] > 0


def longest_pause(run: Callable[[], Any]) -> float:
    """The longest time that another thread stood still, as a share of the whole."""
    longest, stop = 0.0, threading.Event()

    def watch() -> None:
        nonlocal longest
        last = time.perf_counter()
        while not stop.wait(0.001):
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun = time.perf_counter()
    run()
    took = time.perf_counter() - begun
    stop.set()
    watcher.join(20)
    return longest / took


@pytest.mark.parametrize("verb", ["fetch_value", "execute", "iterate"])
def test_a_long_statement_lets_python_go_on(db: holdfast.Database, verb: str) -> None:
    def run() -> None:
        match verb:
            case "iterate":
                list(db.iterate(SLOW))
            case "execute":
                db.execute(f"insert into note(body) {SLOW}")
            case _:
                db.fetch_value(SLOW)

    assert longest_pause(run) < 0.5


def test_what_works_long_in_one_step_lets_python_go_on(db: holdfast.Database) -> None:
    # One call of a function, which no look at the clock interrupts.
    long = "select length(hex(randomblob(100000000)))"
    assert longest_pause(lambda: db.fetch_value(long)) < 0.5


def test_the_file_stays_small_over_a_thousand_operations(db: holdfast.Database, path: Path) -> None:
    for number in range(500):
        db.upsert("note", {"id": number % 50, "body": "x" * 1000}, key="id")
        db.fetch_value(COUNT)
    size = path.stat().st_size + path.with_name("app.db-wal").stat().st_size
    assert size < 10_000_000


def test_a_reader_that_lay_idle_waits_without_the_interpreter(opened: Any, path: Path) -> None:
    hold = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('begin exclusive'); print('held', flush=True); input(); c.execute('commit')"
    )
    db = opened(pragmas={"journal_mode": "delete"})
    db.execute("create table note(id integer primary key, body)")
    # Longer than a reader is handed out without a trial.
    time.sleep(1.1)
    with Child(hold, path) as other:
        assert other.line() == "held"
        threading.Timer(0.2, other.send).start()
        begun = time.perf_counter()
        assert db.fetch_value(COUNT) == 0
        assert time.perf_counter() - begun < 2

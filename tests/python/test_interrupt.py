"""Ctrl-C: SIGINT ends whatever the main thread waits for or runs, and the database works on."""

import signal
import time
from pathlib import Path

import pytest

from processes import Child, lock_held

_PROGRAM = """
import sys, threading, time, holdfast
db = holdfast.open(sys.argv[1])
db.execute("create table if not exists note(id integer primary key, body)")
long = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"
insert = "insert into note(body) values ('x')"
released = threading.Event()

def hold():
    with db.transaction():
        held.set()
        released.wait(30)

def rows():
    number = 0
    while True:
        yield [str(number := number + 1)]

if sys.argv[2] == "lane":
    held = threading.Event()
    threading.Thread(target=hold).start()
    held.wait(20)
if sys.argv[2] == "pool":
    snapshots = [db.snapshot().__enter__() for _ in range(10)]
print("ready", flush=True)
sys.stdin.readline()
try:
    match sys.argv[2]:
        case "lane" | "process": db.execute(insert)
        case "begin": db.transaction().__enter__()
        case "pool": db.fetch_value("select 1")
        case "read": db.fetch_value(long)
        case "write": db.execute("insert into note(body) " + long)
        case "iterate": next(db.iterate(long))
        case "rows": db.fetch_all(long.replace("count(*)", "n"))
        case "many": db.execute_many("insert into note(body) values (?)", rows())
        case "transaction":
            with db.transaction() as tx:
                tx.execute(insert)
                tx.fetch_value(long)
except KeyboardInterrupt:
    print("interrupted", flush=True)
released.set()
if sys.argv[2] == "pool":
    for snapshot in snapshots:
        snapshot.__exit__(None, None, None)
sys.stdin.readline()
db.execute(insert)
print(db.fetch_value("select count(*) from note"), flush=True)
"""


def interrupted(path: Path, what: str) -> None:
    with Child(_PROGRAM, path, what) as child:
        assert child.line() == "ready"
        child.send()
        # There is no event for "it waits now"; either way the outcome must be the same.
        time.sleep(0.2)
        begun = time.monotonic()
        child.signal(signal.SIGINT)
        assert child.line(timeout=5) == "interrupted"
        assert time.monotonic() - begun < 3
        child.send()
        assert child.line() == "1"
        child.finish()


@pytest.mark.parametrize(
    "what", ["lane", "pool", "read", "write", "iterate", "rows", "many", "transaction"]
)
def test_it_ends_a_wait_and_a_statement(path: Path, what: str) -> None:
    interrupted(path, what)


@pytest.mark.parametrize("what", ["process", "begin"])
def test_it_ends_a_wait_for_another_process(path: Path, what: str) -> None:
    with Child(_PROGRAM, path, what) as child:
        assert child.line() == "ready"
        with lock_held(path) as other:
            child.send()
            time.sleep(0.2)
            child.signal(signal.SIGINT)
            assert child.line(timeout=3) == "interrupted"
            other.send()
            other.finish()
        child.send()
        assert child.line() == "1"
        child.finish()

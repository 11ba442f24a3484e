"""Ctrl-C: SIGINT ends whatever the main thread waits for or runs, and the database works on."""

import signal
import time
from pathlib import Path

import pytest

from command_line import make
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


_OPEN = """
import sys, holdfast
print("ready", flush=True)
sys.stdin.readline()
settings = {"pragmas": {"auto_vacuum": "none"}} if sys.argv[2] == "delete" else {}
try:
    match sys.argv[2]:
        case "migrate":
            step = holdfast.Migration(1, "tag", "create table tag(x)")
            holdfast.open(sys.argv[1]).migrate([step], component="mine")
        case "restore": holdfast.restore(sys.argv[3], sys.argv[1])
        case _: holdfast.open(sys.argv[1], **settings)
except KeyboardInterrupt:
    print("interrupted", flush=True)
sys.stdin.readline()
with holdfast.open(sys.argv[1], **settings) as db:
    print(db.fetch_value("select count(*) from note"), flush=True)
"""

_LOCK = """
import fcntl, os, sqlite3, sys
if sys.argv[2] == "restore":
    lock = os.open(os.path.dirname(sys.argv[1]), os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
else:
    c = sqlite3.connect(sys.argv[1], isolation_level=None)
    c.execute("begin immediate" if sys.argv[2] == "migrate" else "begin exclusive")
print("held", flush=True)
sys.stdin.readline()
if sys.argv[2] != "restore":
    c.close()
"""


@pytest.mark.parametrize("what", ["delete", "directory", "migrate", "restore"])
def test_it_ends_an_open_that_waits_for_a_lock(path: Path, what: str) -> None:
    # As another SQLite makes a file, `open` has to change it, and so to lock it.
    make(path, "create table note(id integer primary key)")
    copy = make(path.with_name("copy.db"), "create table note(id integer primary key)")
    lock = "restore" if what in {"directory", "restore"} else what
    if what != "delete":
        make(path, "pragma auto_vacuum = incremental", "vacuum", "pragma journal_mode = wal")
    with Child(_OPEN, path, what, copy) as child, Child(_LOCK, path, lock) as other:
        assert child.line() == "ready"
        assert other.line() == "held"
        child.send()
        time.sleep(0.3)
        begun = time.monotonic()
        child.signal(signal.SIGINT)
        assert child.line(timeout=3) == "interrupted"
        assert time.monotonic() - begun < 1
        other.send()
        other.finish()
        child.send()
        assert child.line() == "0"
        child.finish()


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

"""A second SQLite, or a plain open(), in a process that has the file open: harmless.

Each test does the forbidden thing in a process of its own.
"""

import os
import sqlite3
from pathlib import Path

import pytest

from processes import Child, fork, join, look, run

COUNT = "select count(*) from note"
CHECK = "pragma integrity_check"

_PRELUDE = """
import os, sqlite3, sys, threading, holdfast

path = sys.argv[1]
db = holdfast.open(path)
INSERT = "insert into note(body) values (?)"

def add(count):
    for number in range(count):
        db.execute(INSERT, [number])

def second():
    connection = sqlite3.connect(path, timeout=20, isolation_level=None)
    connection.execute("select count(*) from note").fetchall()
    return connection

def plain():
    for name in (path, path + "-wal", path + "-shm"):
        open(name, "rb").close()

def meet():
    print("ready", flush=True)
    sys.stdin.readline()

db.execute("create table note(id integer primary key, body)")
add(5)
"""
INTRUDE = {
    "a plain open": "plain()",
    "a second sqlite that reads": "second().close()",
    "both": "second().close(); plain()",
}
intruders = pytest.mark.parametrize("intrude", INTRUDE.values(), ids=INTRUDE)


def intruded(path: Path, code: str) -> Child:
    return Child(_PRELUDE + code, path)


@intruders
def test_other_processes_see_every_commit(path: Path, intrude: str) -> None:
    code = f"{intrude}; meet(); add(100); meet(); os.kill(os.getpid(), 9)"
    with intruded(path, code) as child:
        child.line()
        # Whoever closes as the last one removes the WAL: another process must not believe to be it.
        assert look(path, COUNT) == [[5]]
        child.send()
        child.line()
        assert look(path, COUNT) == [[105]]
        assert look(path, "insert into note(body) values ('other') returning id") == [[106]]
        child.send()
        assert child.wait() == -9
    assert look(path, COUNT) == [[106]]
    assert look(path, CHECK) == [["ok"]]
    assert not path.with_name("app.db-wal").exists()


@intruders
def test_a_transaction_keeps_its_write_lock(path: Path, intrude: str) -> None:
    code = f"""
with db.transaction() as tx:
    tx.execute(INSERT, ["mine"])
    {intrude}
    meet()
    tx.execute(INSERT, ["mine too"])
db.close()
"""
    with intruded(path, code) as child:
        child.line()
        with sqlite3.connect(path, timeout=0) as other, pytest.raises(sqlite3.OperationalError):
            other.execute("begin immediate")
        other.close()
        child.send()
        child.finish()
    assert look(path, COUNT) == [[7]]
    assert look(path, CHECK) == [["ok"]]


@intruders
def test_a_snapshot_keeps_the_log_from_starting_over(path: Path, intrude: str) -> None:
    code = f"""
with db.snapshot() as snapshot:
    before = snapshot.fetch_value("select total(body) from note")
    {intrude}
    meet()
    assert snapshot.fetch_value("select total(body) from note") == before
    assert snapshot.fetch_value("pragma integrity_check") == "ok"
db.close()
"""
    with intruded(path, code) as child:
        child.line()
        look(path, "update note set body = 1000")
        assert look(path, "pragma wal_checkpoint(truncate)")[0][0] == 1, "not busy"
        look(path, "update note set body = 2000")
        child.send()
        child.finish()
    assert look(path, "select distinct body from note") == [[2000]]


def test_a_second_sqlite_that_writes_loses_nothing_and_takes_nothing(path: Path) -> None:
    code = """
def write():
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    for number in range(200):
        connection.execute("insert into note(body) values ('second')")
    connection.close()

def churn():
    for _ in range(40):
        holdfast.open(path, read_only=True).close()
        second().close()

print("ready", flush=True)
threads = [threading.Thread(target=work) for work in (write, write, churn)]
for thread in threads:
    thread.start()
add(400)
for thread in threads:
    thread.join()
db.close()
"""
    with intruded(path, code) as child:
        child.line()
        for _ in range(10):
            look(path, "insert into note(body) values ('other') returning id")
        child.finish(timeout=60)
    assert look(path, COUNT) == [[5 + 2 * 200 + 400 + 10]]
    assert look(path, CHECK) == [["ok"]]


def test_closing_leaves_a_second_sqlite_its_locks(path: Path) -> None:
    code = """
connection = second()
connection.execute("begin immediate")
connection.execute("insert into note(body) values ('second')")
holdfast.open(path, read_only=True).close()
db.close()
meet()
connection.execute("commit")
connection.close()
with holdfast.open(path) as db:
    add(1)
for name in os.listdir("/proc/self/fd"):
    if os.path.lexists(link := f"/proc/self/fd/{name}") and path in os.readlink(link):
        print(name, os.readlink(link))
"""
    with intruded(path, code) as child:
        child.line()
        with sqlite3.connect(path, timeout=0) as other, pytest.raises(sqlite3.OperationalError):
            other.execute("begin immediate")
        other.close()
        child.send()
        assert child.finish() == []
    assert look(path, COUNT) == [[7]]


def test_the_last_to_close_still_removes_the_log(path: Path) -> None:
    run(_PRELUDE + "second().close(); plain(); add(3); db.close()", path)
    assert [file.name for file in path.parent.iterdir()] == ["app.db"]


def test_a_rollback_journal_works_with_locks_of_our_own(path: Path) -> None:
    code = """
import holdfast, sys, threading
db = holdfast.open(sys.argv[1], pragmas={"journal_mode": "delete"})
db.execute("create table if not exists note(id integer primary key, body)")
def work():
    for number in range(25):
        db.execute("insert into note(body) values (?)", [number])
        db.fetch_value("select count(*) from note")
threads = [threading.Thread(target=work) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
db.close()
"""
    run(code, path)
    with Child(code, path) as one, Child(code, path) as other:
        one.finish()
        other.finish()
    assert look(path, COUNT) == [[225]]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_holds_none_of_the_locks_of_a_parent_that_was_killed(path: Path) -> None:
    code = """
with db.transaction() as tx:
    tx.execute(INSERT, ["lost"])
    pid = os.fork()
    if pid == 0:
        sys.stdin.readline()
        os._exit(0)
    print(pid, flush=True)
    os.kill(os.getpid(), 9)
"""
    with intruded(path, code) as child:
        pid = int(child.line())
        child.process.wait()
        os.kill(pid, 0)
        # Leaving WAL mode takes SQLite's exclusive lock.
        assert look(path, "pragma journal_mode = delete") == [["delete"]]
        assert look(path, COUNT) == [[5]]
        child.send()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_guards_its_own_connections(path: Path) -> None:
    code = """
pid = os.fork()
if pid == 0:
    add(5); second().close(); plain(); meet(); add(100); os._exit(0)
second().close()
assert os.waitpid(pid, 0)[1] == 0
add(5)
meet()
db.close()
"""
    with intruded(path, code) as child:
        child.line()
        assert look(path, COUNT) == [[10]]
        child.send()
        child.line()
        assert look(path, COUNT) == [[115]]
        child.send()
        child.finish()
    assert look(path, COUNT) == [[115]]

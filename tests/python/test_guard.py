"""A second SQLite, or a plain open(), in a process that has the file open: harmless.

Each test does the forbidden thing in a process of its own.
"""

import os
import sqlite3
from pathlib import Path

import pytest

import holdfast
from intruders import PRELUDE, intruded
from processes import Child, look, run

COUNT = "select count(*) from note"
CHECK = "pragma integrity_check"

INTRUDE = {
    "a plain open": "plain()",
    "a second sqlite that reads": "second().close()",
    "both": "second().close(); plain()",
}
intruders = pytest.mark.parametrize("intrude", INTRUDE.values(), ids=INTRUDE)


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


def test_a_lock_of_another_process_of_this_library_is_named(
    db: holdfast.Database, path: Path
) -> None:
    code = "import sys, holdfast\ndb = holdfast.open(sys.argv[1])\n"
    code += "with db.transaction():\n    print('held', flush=True); sys.stdin.readline()"
    with Child(code, path) as other:
        other.line()
        with pytest.raises(holdfast.BusyError) as caught:
            db.execute("insert into note(body) values (1)", timeout=0.05)
        assert caught.value.pid == other.pid
        other.send()
        other.finish()


def test_the_last_to_close_still_removes_the_log(path: Path) -> None:
    run(PRELUDE + "second().close(); plain(); add(3); db.close()", path)
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


def test_who_lost_all_descriptors_may_close_and_open_again(path: Path) -> None:
    code = """
import os, subprocess, sys
import holdfast
path = sys.argv[1]
db = holdfast.open(path)
db.execute("create table note(body)")
# A reader that is opened in the background would go on with numbers that are others' by then.
while db.stats()["pool"]["open"] < 2:
    pass
# As a daemon does; the streams are those of the test.
os.closerange(3, 4096)
db.close()
# The numbers are soon those of other files, which are to stay open and unlocked.
others = [os.open(os.devnull, os.O_RDONLY) for _ in range(64)]
for other in others[::2]:
    os.close(other)
db = holdfast.open(path)
rival = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('begin immediate')"
with db.transaction() as tx:
    tx.execute("insert into note values (1)")
    failed = subprocess.run([sys.executable, "-c", rival, path], capture_output=True, text=True)
    assert "database is locked" in failed.stderr
db.close()
assert {os.readlink(f"/proc/self/fd/{other}") for other in others[1::2]} == {os.devnull}
"""
    run(code, path)
    assert look(path, COUNT) == [[1]]
    assert look(path, CHECK) == [["ok"]]

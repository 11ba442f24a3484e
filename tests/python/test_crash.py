"""SIGKILL at random moments: whatever was acknowledged is there, and the file is sound."""

import random
import signal
import time
from pathlib import Path

import pytest

import holdfast
from processes import Child, look

_WRITER = """
import os, sys, threading, holdfast
db = holdfast.open(sys.argv[1], profile=sys.argv[2])
db.execute("create table if not exists note(id integer primary key, body)")
db.execute("create table if not exists pair(n)")
print("ready", flush=True)

def write(kind):
    number = 0
    while True:
        number += 1
        key = int(sys.argv[3]) + number * 4 + kind
        body = "x" * (number * 37 % 3000)
        match kind:
            case 0: db.insert("note", {"id": key, "body": body})
            case 1: db.execute("insert into note values (?, ?)", [key, body])
            case 2: db.upsert_many("note", [{"id": key, "body": body}], key="id")
            case 3:
                with db.transaction() as tx:
                    tx.execute("insert into note values (?, ?)", [key, body])
                    tx.execute("insert into pair values (?)", [key])
                    tx.execute("insert into pair values (?)", [key])
        os.write(1, b"%d\\n" % key)

for kind in range(4):
    threading.Thread(target=write, args=(kind,)).start()
"""


def killed(path: Path, profile: str, base: int, after: float) -> set[int]:
    """Let a child write until it is killed; return what it acknowledged."""
    with Child(_WRITER, path, profile, base) as child:
        assert child.line() == "ready"
        time.sleep(after)
        child.signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        assert child.errors == ""
        # The last line may have been cut off in the middle.
        return {int(line) for line in child.rest()[:-1]}


def check(path: Path, acknowledged: set[int]) -> None:
    present = {row[0] for row in look(path, "select id from note")}
    assert acknowledged <= present
    assert look(path, "pragma integrity_check") == [["ok"]]
    halves = "select count(*) from (select n from pair group by n having count(*) <> 2)"
    assert look(path, halves) == [[0]]


def kills(path: Path, profile: str, count: int) -> None:
    moments = random.Random(count)
    acknowledged: set[int] = set()
    for number in range(count):
        after = moments.uniform(0.0, 0.25)
        acknowledged |= killed(path, profile, number * 10_000_000, after)
        check(path, acknowledged)
    assert acknowledged
    with holdfast.open(path, profile=profile) as db:
        assert db.fetch_value("select count(*) from note") >= len(acknowledged)


@pytest.mark.parametrize("profile", ["balanced", "durable"])
def test_ten_kills_lose_nothing(path: Path, profile: str) -> None:
    kills(path, profile, 5)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("profile", ["balanced", "durable"])
def test_a_hundred_kills_lose_nothing(path: Path, profile: str) -> None:
    kills(path, profile, 100)


def test_a_transaction_that_was_killed_never_happened(path: Path) -> None:
    code = """
import sys, threading, holdfast
db = holdfast.open(sys.argv[1])
db.execute("create table note(id integer primary key, body)")
tx = db.transaction().__enter__()
tx.execute_many("insert into note(body) values (?)", ([str(n)] for n in range(20000)))
print("written", flush=True)
threading.Event().wait()
"""
    with Child(code, path) as child:
        assert child.line() == "written"
        child.signal(signal.SIGKILL)
        child.wait()
    with holdfast.open(path) as db:
        assert db.fetch_value("select count(*) from note") == 0
        assert db.insert("note", {"body": "x"}) == 1


def test_a_lock_holder_that_was_killed_frees_the_others(db: holdfast.Database, path: Path) -> None:
    code = """
import sys, threading, holdfast
db = holdfast.open(sys.argv[1])
tx = db.transaction().__enter__()
tx.execute("insert into note(body) values ('lost')")
print("held", flush=True)
threading.Event().wait()
"""
    with Child(code, path) as child:
        assert child.line() == "held"
        with pytest.raises(holdfast.errors.BusyError):
            db.execute("insert into note(body) values ('x')", timeout=0.05)
        child.signal(signal.SIGKILL)
        child.wait()
    assert db.execute("insert into note(body) values ('y')") == 1
    assert db.fetch_all("select body from note") == [("y",)]

"""Writes that share a commit, when the user or the system ends their callers."""

import random
import signal
import time
from pathlib import Path

import pytest

from processes import Child, look

_INTERRUPTED = """
import sys, threading, time, holdfast
db = holdfast.open(sys.argv[1], profile="durable")
db.execute("create table note(id integer primary key, body)")
db.execute("create table long(n)")
COUNT = "with recursive c(n) as (select 1 union all select n + 1 from c limit 20000000) "

def waiting(count):
    while db.stats()["lane"]["waiting"] < count:
        time.sleep(0.001)

def hold():
    with db.transaction():
        held.set()
        waiting(3 if sys.argv[2] == "leads" else 1)
        if sys.argv[2] == "waits":
            print("ready", flush=True)
            sys.stdin.readline()
    if sys.argv[2] == "leads":
        while db.stats()["lane"]["waiting"]:
            time.sleep(0.001)
        print("ready", flush=True)

def other(number, sql, count):
    waiting(count)
    db.execute(sql)
    done[number].set()

held, done = threading.Event(), [threading.Event(), threading.Event()]
threading.Thread(target=hold).start()
held.wait(20)
if sys.argv[2] == "leads":
    long = "insert into long " + COUNT + "select count(*) from c"
    threading.Thread(target=other, args=(0, long, 1)).start()
    threading.Thread(target=other, args=(1, "insert into note values (3, 'x')", 2)).start()
try:
    db.execute("insert into note values (1, 'x')")
except KeyboardInterrupt:
    print("interrupted", flush=True)
if sys.argv[2] == "leads":
    assert done[0].wait(60) and done[1].wait(60)
db.execute("insert into note values (2, 'x')")
print([row[0] for row in db.fetch_all("select id from note")], flush=True)
print(db.fetch_all("select n from long"), flush=True)
"""


@pytest.mark.parametrize(
    ("role", "ids", "long"), [("waits", "[2]", "[]"), ("leads", "[2, 3]", "[(20000000,)]")]
)
def test_ctrl_c_ends_ones_own_write_alone(path: Path, role: str, ids: str, long: str) -> None:
    with Child(_INTERRUPTED, path, role) as child:
        assert child.line() == "ready"
        child.signal(signal.SIGINT)
        assert child.line(timeout=5) == "interrupted"
        child.send()
        assert child.line() == ids
        assert child.line() == long


_WRITER = """
import os, sys, threading, holdfast
db = holdfast.open(sys.argv[1], profile="durable")
db.execute("create table if not exists note(id integer primary key, body unique not null)")
print("ready", flush=True)

def write(thread):
    number = int(sys.argv[2])
    while True:
        number += 8
        key = number + thread
        match key % 3:
            case 0: db.execute("insert into note values (?, ?)", [key, f"body {key}"])
            case 1: db.insert("note", {"id": key, "body": f"body {key}"})
            case _: db.upsert("note", {"id": key, "body": f"body {key}"}, key="id")
        os.write(1, b"%d\\n" % key)

for thread in range(8):
    threading.Thread(target=write, args=(thread,)).start()
"""


def test_acknowledged_writes_survive_kills(path: Path) -> None:
    moments = random.Random(8)
    acknowledged: set[int] = set()
    for number in range(6):
        with Child(_WRITER, path, number * 10_000_000) as child:
            assert child.line() == "ready"
            acknowledged.add(int(child.line()))
            time.sleep(moments.uniform(0.0, 0.2))
            child.signal(signal.SIGKILL)
            assert child.wait() == -signal.SIGKILL
            # The last line may have been cut off in the middle.
            acknowledged |= {int(line) for line in child.rest()[:-1]}
        assert acknowledged <= {row[0] for row in look(path, "select id from note")}
        assert look(path, "pragma integrity_check") == [["ok"]]

"""The end: interpreter exit in the middle of things, close beside work, garbage."""

import time
from pathlib import Path

import pytest

from processes import look, run

_BEGIN = """
import sys, threading, holdfast
db = holdfast.open(sys.argv[1])
db.execute("create table note(id integer primary key, body)")
insert = "insert into note(body) values ('x')"
long = "with recursive c(n) as (select 1 union all select n + 1 from c) select n from c"
db.execute(insert)
started = threading.Barrier(5)

def hammer():
    started.wait(20)
    while True:
        db.execute(insert)
        db.fetch_all("select * from note limit 10")

def endless():
    started.wait(20)
    db.fetch_value(long.replace("select n from", "select count(*) from"))

def hold():
    with db.transaction() as tx:
        tx.execute("delete from note")
        started.wait(20)
        threading.Event().wait()
"""

_ENDINGS = {
    "left open": "",
    "memory": "other = holdfast.open(':memory:'); other.execute('create table t(x)')",
    "transaction": "tx = db.transaction().__enter__(); tx.execute('delete from note')",
    "snapshot": "snapshot = db.snapshot().__enter__()",
    "iterator": "rows = db.iterate(long); next(rows)",
    "iterator in a transaction": (
        "tx = db.transaction().__enter__(); rows = tx.iterate(long); next(rows);"
        " tx.execute('delete from note')"
    ),
    "generator": (
        "def work():\n with db.transaction() as tx:\n  tx.execute('delete from note'); yield\n"
        "generator = work(); next(generator)"
    ),
    "cycle": "cycle = [db]; cycle.append(cycle); cycle.append(db.iterate(long)); del db",
    "exit in a transaction": (
        "with db.transaction() as tx:\n tx.execute('delete from note'); sys.exit(0)"
    ),
    "many handles": "all_ = [holdfast.open(sys.argv[1]) for _ in range(20)]",
    "atexit": "import atexit; atexit.register(lambda: db.execute(insert))",
    "logging": "import logging; logging.basicConfig(level=100)",
}


@pytest.mark.parametrize("ending", _ENDINGS)
def test_the_interpreter_exits_cleanly(path: Path, ending: str) -> None:
    begun = time.monotonic()
    run(_BEGIN + _ENDINGS[ending], path, timeout=20)
    assert time.monotonic() - begun < 4
    assert look(path, "select count(*) > 0 from note") == [[1]]
    assert look(path, "pragma integrity_check") == [["ok"]]


@pytest.mark.parametrize("work", ["hammer", "endless", "hold"])
def test_the_interpreter_exits_beside_daemon_threads(path: Path, work: str) -> None:
    code = f"""
others = [threading.Thread(target={work} if n == 0 or "{work}" != "hold" else started.wait,
                           daemon=True) for n in range(4)]
for thread in others: thread.start()
started.wait(20)
"""
    begun = time.monotonic()
    run(_BEGIN + code, path, timeout=20)
    assert time.monotonic() - begun < 6
    assert look(path, "select count(*) > 0 from note") == [[1]]


def test_threads_that_are_no_daemons_finish_first(path: Path) -> None:
    code = """
def finite():
    started.wait(20)
    for _ in range(300):
        db.execute(insert)
for _ in range(4): threading.Thread(target=finite).start()
started.wait(20)
"""
    run(_BEGIN + code, path)
    assert look(path, "select count(*) from note") == [[1201]]


def test_acknowledged_commits_are_there_after_an_exit_amid_writes(path: Path) -> None:
    code = """
import os
def report():
    started.wait(20)
    for number in range(10**9):
        db.execute("insert into note(id) values (?)", [number + 1000])
        os.write(1, b"%d\\n" % (number + 1000))
for n in range(4):
    threading.Thread(target=report if n == 0 else started.wait, daemon=True).start()
started.wait(20)
import time; time.sleep(0.2)
"""
    lines = run(_BEGIN + code, path)
    acknowledged = {int(line) for line in lines if line}
    present = {row[0] for row in look(path, "select id from note")}
    assert acknowledged
    assert acknowledged <= present

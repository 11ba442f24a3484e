"""The end: interpreter exit in the middle of things, close beside work, garbage."""

import gc
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from processes import look, run

import holdfast
from holdfast.errors import ClosedError, Error

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


def test_close_beside_work_ends_it_with_a_typed_error(path: Path) -> None:
    db = holdfast.open(path)
    db.execute("create table note(id integer primary key, body)")
    errors: list[Error] = []
    done = [0]
    started = threading.Barrier(9)

    def work(number: int) -> None:
        started.wait(20)
        try:
            while True:
                match number % 4:
                    case 0:
                        db.execute("insert into note(body) values ('x')")
                        done[0] += 1
                    case 1:
                        db.fetch_all("select * from note limit 5")
                    case 2:
                        list(db.iterate("select * from note limit 50"))
                    case _:
                        with db.snapshot() as snapshot:
                            snapshot.fetch_value("select count(*) from note")
        except Error as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    started.wait(20)
    while done[0] < 20:
        time.sleep(0.001)
    begun = time.monotonic()
    db.close()
    assert time.monotonic() - begun < 4
    for thread in threads:
        thread.join(20)
    assert {type(error) for error in errors} == {ClosedError}
    assert len(errors) == 8
    assert look(path, "select count(*) >= ? from note", done[0]) == [[1]]


def test_everything_refuses_after_close(db: holdfast.Database) -> None:
    transaction, snapshot = db.transaction(), db.snapshot()
    db.close()
    db.close()
    uses: list[Any] = [
        lambda: db.execute("select 1"),
        lambda: db.fetch_all("select 1"),
        lambda: db.iterate("select 1"),
        lambda: db.insert("note", {"body": 1}),
        lambda: db.run(lambda _: None),
        lambda: db.execute_many("delete from note where id = ?", [[1]]),
        lambda: transaction.__enter__(),
        lambda: snapshot.__enter__(),
    ]
    for use in uses:
        with pytest.raises(ClosedError, match="closed"):
            use()


def test_a_block_closes_at_its_end(path: Path) -> None:
    with pytest.raises(KeyError), holdfast.open(path) as db:
        raise KeyError
    assert db.closed


def test_the_log_is_folded_in_when_the_last_handle_closes(path: Path) -> None:
    with holdfast.open(path) as db, holdfast.open(path):
        db.execute("create table t(x)")
    assert not path.with_name("app.db-wal").exists()


def test_garbage_in_any_order_does_no_harm(path: Path) -> None:
    for seed in range(40):
        database = holdfast.open(path)
        database.execute("create table if not exists note(id integer primary key, body)")
        tx = database.transaction().__enter__()
        tx.execute("insert into note(body) values ('x')")
        inner = tx.transaction().__enter__()
        snapshot = database.snapshot().__enter__()
        select = "select * from sqlite_schema, (select 1 union all select 2)"
        rows = [tx.iterate(select), inner.iterate(select), snapshot.iterate(select)]
        rows.append(database.iterate(select))
        for each in rows:
            next(each)
        things: list[Any] = [database, tx, inner, snapshot, *rows]
        del database, tx, inner, snapshot, rows, each
        random.Random(seed).shuffle(things)
        begun = time.monotonic()
        while things:
            things.pop()
        gc.collect()
        assert time.monotonic() - begun < 2
    assert look(path, "select count(*) from note") == [[0]]

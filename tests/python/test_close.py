"""Close: beside work, twice, by garbage collection."""

import gc
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.errors import ClosedError, Error
from processes import look


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

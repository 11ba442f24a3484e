"""Transactions used where, when or by whom they cannot be."""

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import ClosedError, Error, ProgrammingError
from processes import Child

COUNT = "select count(*) from note"
INSERT = "insert into note(body) values ('x')"


def add(target: object) -> None:
    target.execute(INSERT)  # type: ignore[attr-defined]


def test_it_is_used_only_inside_its_block(db: holdfast.Database) -> None:
    transaction = db.transaction()
    with pytest.raises(ClosedError, match="inside its with block"):
        add(transaction)
    with transaction as tx:
        with pytest.raises(ProgrammingError, match="begun already"), transaction:
            pass
        inner = tx.transaction()
        with inner:
            add(inner)
    for ended in (tx, inner):
        with pytest.raises(ClosedError):
            add(ended)
    with pytest.raises(ClosedError), inner:
        pass


def test_an_abandoned_one_is_rolled_back(db: holdfast.Database) -> None:
    def rows() -> Iterator[None]:
        with db.transaction() as tx:
            add(tx)
            yield

    generator = rows()
    next(generator)
    del generator
    gc.collect()
    assert db.fetch_value(COUNT) == 0
    add(db)
    tx = db.transaction().__enter__()
    add(tx)
    del tx
    gc.collect()
    assert db.fetch_value(COUNT) == 1
    add(db)


def test_the_last_reference_to_the_database_may_be_the_transactions(path: Path) -> None:
    tx = holdfast.open(path).transaction().__enter__()
    tx.execute("create table t(x)")
    next(tx.iterate("select 1"))
    del tx
    gc.collect()
    with holdfast.open(path) as db:
        assert db.fetch_all("select name from sqlite_schema") == []


def test_writing_through_the_database_inside_is_an_error_at_once(db: holdfast.Database) -> None:
    with db.transaction() as tx:
        for write in (add, lambda d: d.insert("note", {"id": 5}), lambda d: d.run(add)):
            with pytest.raises(ProgrammingError, match="writer lane already"):
                write(db)
        with pytest.raises(ProgrammingError, match="nest with tx"), db.transaction():
            pass
        add(tx)
    assert db.fetch_value(COUNT) == 1


def test_another_thread_cannot_use_it(db: holdfast.Database) -> None:
    errors: list[BaseException] = []

    def use(*uses: Callable[[], object]) -> None:
        for attempt in uses:
            try:
                attempt()
            except Error as error:
                errors.append(error)

    with db.transaction() as tx:
        inner, rows = tx.transaction(), tx.iterate("select 1")
        uses = (
            lambda: add(tx),
            lambda: tx.fetch_all(COUNT),
            lambda: tx.__exit__(None, None, None),
            lambda: tx.__enter__(),
            lambda: inner.__enter__(),
            lambda: next(rows),
        )
        thread = threading.Thread(target=use, args=uses)
        thread.start()
        thread.join(20)
        add(tx)
        next(rows)
    assert [type(error) for error in errors] == [ProgrammingError] * len(uses)
    assert 'belongs to thread "MainThread"' in str(errors[0])
    assert db.fetch_value(COUNT) == 1


def test_code_called_by_a_statement_cannot_end_its_transaction(db: holdfast.Database) -> None:
    with db.transaction() as tx:

        def rows() -> Iterator[list[str]]:
            yield ["a"]
            with pytest.raises(ProgrammingError, match="cannot end"):
                tx.__exit__(None, None, None)
            with tx.transaction() as inner:
                add(inner)
            yield ["b"]

        assert tx.execute_many("insert into note(body) values (?)", rows()) == 2
    assert db.fetch_value(COUNT) == 3


_OVERTAKE = """
import sys, holdfast
db = holdfast.open(sys.argv[1])
with db.transaction("deferred") as tx:
    tx.fetch_value("select count(*) from note")
    print("read", flush=True)
    sys.stdin.readline()
    try:
        tx.execute("insert into note(body) values ('late')")
    except holdfast.errors.BusyError as error:
        hint = "run the whole transaction again" in str(error)
        print(error.sqlite_errorname, error.retryable, hint)
"""


def test_an_overtaken_deferred_transaction_is_told_to_run_again(
    db: holdfast.Database, path: Path
) -> None:
    with Child(_OVERTAKE, path) as child:
        assert child.line() == "read"
        add(db)
        child.send()
        assert child.line() == "SQLITE_BUSY_SNAPSHOT True True"
        child.finish()

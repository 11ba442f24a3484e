"""Calls that would hang, crash or lose something if they were not refused or ended."""

import datetime
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import holdfast
from holdfast.errors import (
    ClosedError,
    DataError,
    Error,
    IntegrityError,
    MigrationError,
    ProgrammingError,
)


@pytest.mark.parametrize("verb", ["execute_many", "insert_many", "upsert_many"])
def test_no_row_is_written_after_its_transaction_was_rolled_back(
    db: holdfast.Database, verb: str
) -> None:
    db.execute("insert into note values (1, 'old')")

    def rows(tx: holdfast.Transaction) -> Iterator[Any]:
        for number in range(10, 20):
            if number == 13:
                with pytest.raises(IntegrityError):
                    tx.execute("insert or rollback into note values (1, 'again')")
            row = {"id": number, "body": "new"}
            yield row

    with pytest.raises(ClosedError, match="rolled back"), db.transaction() as tx:
        match verb:
            case "execute_many":
                tx.execute_many("insert into note values (:id, :body)", rows(tx))
            case "insert_many":
                tx.insert_many("note", rows(tx))
            case _:
                tx.upsert_many("note", rows(tx), key="id")
    assert db.fetch_all("select * from note") == [(1, "old")]


@pytest.mark.parametrize(
    ("pragma", "value", "why"),
    [
        ("journal_mode", "off", "a rollback damages the file"),
        ("locking_mode", "exclusive", "could never open"),
        ("busy_timeout", 2**31, "milliseconds"),
        ("soft_heap_limit", 1, "whole process"),
        ("user_version", 3, "migrations"),
    ],
)
def test_a_pragma_that_breaks_a_promise_is_refused(
    path: Path, pragma: str, value: Any, why: str
) -> None:
    with pytest.raises(ProgrammingError, match=why):
        holdfast.open(path, pragmas={pragma: value})


def test_settings_of_a_new_file_are_taken(path: Path) -> None:
    pragmas = {"page_size": 8192, "application_id": 7}
    with holdfast.open(path, pragmas=pragmas) as db:
        assert db.fetch_value("pragma page_size") == 8192
        assert db.fetch_value("pragma application_id") == 7


@pytest.mark.parametrize("size", [0, -1, 1001, 2**31, 2**64])
def test_an_absurd_pool_is_refused(path: Path, size: int) -> None:
    with pytest.raises(ProgrammingError, match="pool_size"):
        holdfast.open(path, pool_size=size)


def test_an_adapter_that_never_ends_is_refused(db: holdfast.Database) -> None:
    class Endless(datetime.date):
        def isoformat(self) -> Any:
            return self

    with pytest.raises(DataError, match="parameter 1: its adapters never end"):
        db.fetch_value("select ?", [Endless(2020, 1, 1)])


def test_a_signal_handler_cannot_write_while_its_thread_waits_for_the_lane(
    db: holdfast.Database,
) -> None:
    held, release = threading.Event(), threading.Event()
    refused: list[Error] = []

    def hold() -> None:
        with db.transaction():
            held.set()
            release.wait(20)

    def handler(*_: object) -> None:
        try:
            db.execute("insert into note(body) values ('signal')")
        except Error as error:
            refused.append(error)
        release.set()

    before = signal.signal(signal.SIGALRM, handler)
    holder = threading.Thread(target=hold)
    try:
        holder.start()
        assert held.wait(20)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        begun = time.monotonic()
        assert db.execute("insert into note(body) values ('main')") == 1
        assert time.monotonic() - begun < 10
    finally:
        signal.signal(signal.SIGALRM, before)
        release.set()
        holder.join(20)
    assert [type(error) for error in refused] == [ProgrammingError]
    assert db.fetch_all("select body from note") == [("main",)]


def test_a_pipe_among_the_migrations_is_refused(path: Path, tmp_path: Path) -> None:
    steps = tmp_path / "migrations"
    steps.mkdir()
    os.mkfifo(steps / "0001_pipe.sql")
    with pytest.raises(MigrationError, match="no regular file"):
        holdfast.open(path, migrations=steps)


def test_a_nested_transaction_ends_those_inside_it_and_no_others(db: holdfast.Database) -> None:
    with db.transaction() as tx:
        outer, stale = tx.transaction(), tx.transaction()
        outer.__enter__()
        stale.__enter__()
        outer.__exit__(None, None, None)
        with tx.transaction(), tx.transaction():
            tx.insert("note", {"body": "kept"})
            stale.__exit__(ValueError, ValueError(), None)
    assert db.fetch_all("select body from note") == [("kept",)]


def test_run_refuses_a_function_that_has_not_run_yet(db: holdfast.Database) -> None:
    def lazy(tx: holdfast.Transaction) -> Iterator[int]:
        yield tx.execute("insert into note(body) values ('x')")

    with pytest.raises(TypeError, match="generator"):
        db.run(lazy)
    assert db.fetch_value("select count(*) from note") == 0
    assert db.stats()["rollbacks"] == 1


def test_a_home_directory_is_not_guessed(path: Path) -> None:
    with pytest.raises(holdfast.PathError, match="expanduser"):
        holdfast.open("~/app.db")
    with pytest.raises(holdfast.PathError, match="expanduser"):
        holdfast.open("app.db", data_dir="~/state")
    assert not path.exists()

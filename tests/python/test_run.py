"""db.run: a function in a transaction, all of it again on a retryable error."""

from typing import Any

import pytest

import holdfast
from holdfast import RetryPolicy
from holdfast.errors import BusyError, Error, IntegrityError, ProgrammingError

COUNT = "select count(*) from note"


@pytest.fixture
def db(opened: Any) -> holdfast.Database:
    database = opened(retry=RetryPolicy(attempts=3, min_delay=0.001, max_delay=0.002))
    database.execute("create table note(id integer primary key, body)")
    return database


class Again(Error):
    retryable = True


def test_it_commits_and_gives_the_result(db: holdfast.Database) -> None:
    def work(tx: Any, a: int, *, b: int) -> int:
        tx.execute("insert into note(body) values (?)", [a])
        return a + b

    assert db.run(work, 1, b=2) == 3
    assert db.fetch_value(COUNT) == 1


def test_it_runs_the_whole_function_again(db: holdfast.Database) -> None:
    calls: list[int] = []

    def work(tx: Any) -> str:
        tx.execute("insert into note(body) values ('x')")
        calls.append(tx.fetch_value(COUNT))
        if len(calls) < 3:
            raise Again
        return "done"

    assert db.run(work) == "done"
    assert calls == [1, 1, 1]
    assert db.fetch_value(COUNT) == 1


def test_it_gives_up_with_the_last_error(db: holdfast.Database) -> None:
    calls: list[Again] = []

    def work(tx: Any) -> None:
        tx.execute("insert into note(body) values ('x')")
        calls.append(Again(str(len(calls))))
        raise calls[-1]

    with pytest.raises(Again) as caught:
        db.run(work)
    assert len(calls) == 3
    assert caught.value is calls[-1]
    assert db.fetch_value(COUNT) == 0


class Foreign(Exception):
    retryable = True


@pytest.mark.parametrize("error", [ValueError, Foreign, IntegrityError, KeyboardInterrupt])
def test_any_other_error_ends_it_at_once(db: holdfast.Database, error: type[BaseException]) -> None:
    calls: list[int] = []

    def work(tx: Any) -> None:
        tx.execute("insert into note(body) values ('x')")
        calls.append(1)
        raise error

    with pytest.raises(error):
        db.run(work)
    assert calls == [1]
    assert db.fetch_value(COUNT) == 0
    db.execute("insert into note(body) values ('y')")


def test_a_busy_error_of_the_function_is_retried(db: holdfast.Database) -> None:
    calls: list[int] = []

    def work(tx: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            held = [db.snapshot().__enter__() for _ in range(10)]
            try:
                db.fetch_value("select 1", timeout=0.01)
            finally:
                for snapshot in held:
                    snapshot.__exit__(None, None, None)
        tx.execute("insert into note(body) values ('x')")

    db.run(work)
    assert len(calls) == 2
    with pytest.raises(BusyError):
        db.run(lambda _: (_ for _ in ()).throw(_busy()))


def _busy() -> BusyError:
    error = BusyError("made up")
    error.retryable = True
    return error


def test_it_refuses_to_nest(db: holdfast.Database) -> None:
    with pytest.raises(ProgrammingError, match="nest with tx"):
        db.run(lambda _: db.run(lambda tx: tx.fetch_value("select 1")))


def test_it_takes_only_functions(db: holdfast.Database) -> None:
    with pytest.raises(TypeError):
        db.run(3)  # type: ignore[arg-type]
    db.execute("insert into note(body) values ('y')")

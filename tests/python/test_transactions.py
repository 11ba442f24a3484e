"""Transactions: commit, rollback, nesting, and what is misuse."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import ClosedError, IntegrityError, ProgrammingError
from processes import look

COUNT = "select count(*) from note"
INSERT = "insert into note(body) values ('x')"


def add(target: object) -> None:
    target.execute(INSERT)  # type: ignore[attr-defined]


def test_it_commits_at_the_end(db: holdfast.Database, path: Path) -> None:
    with db.transaction() as tx:
        add(tx)
        assert tx.fetch_value(COUNT) == 1
        assert db.fetch_value(COUNT) == 0
        assert look(path, COUNT) == [[0]]
    assert look(path, COUNT) == [[1]]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_it_rolls_back_on_any_exception(db: holdfast.Database, error: type[BaseException]) -> None:
    with pytest.raises(error), db.transaction() as tx:
        add(tx)
        raise error
    assert db.fetch_value(COUNT) == 0
    add(db)


@pytest.mark.parametrize("mode", ["deferred", "immediate", "exclusive"])
def test_every_mode_commits_and_rolls_back(db: holdfast.Database, mode: str) -> None:
    with db.transaction(mode) as tx:
        add(tx)
    with pytest.raises(KeyError), db.transaction(mode=mode) as tx:
        add(tx)
        raise KeyError
    assert db.fetch_value(COUNT) == 1


def test_an_unknown_mode_is_refused(db: holdfast.Database) -> None:
    with pytest.raises(ProgrammingError, match='"immediate", "deferred" and "exclusive"'):
        db.transaction("serial")


def test_an_inner_rollback_keeps_the_outer(db: holdfast.Database) -> None:
    with db.transaction() as tx:
        add(tx)
        with pytest.raises(KeyError), tx.transaction() as inner:
            add(inner)
            with inner.transaction() as deep:
                add(deep)
            assert tx.fetch_value(COUNT) == 3
            raise KeyError
        with tx.transaction() as inner:
            add(inner)
            with pytest.raises(KeyError), inner.transaction() as deep:
                add(deep)
                raise KeyError
    assert db.fetch_value(COUNT) == 2


def test_an_outer_rollback_takes_the_inner_along(db: holdfast.Database) -> None:
    with pytest.raises(KeyError), db.transaction() as tx:
        with tx.transaction() as inner:
            add(inner)
        raise KeyError
    assert db.fetch_value(COUNT) == 0


def test_it_serves_again_after_its_end(db: holdfast.Database) -> None:
    transaction = db.transaction()
    for _ in range(2):
        with transaction as tx:
            add(tx)
    assert db.fetch_value(COUNT) == 2


def test_or_rollback_ends_it_and_frees_the_lane(db: holdfast.Database) -> None:
    with pytest.raises(ClosedError, match="rolled back by SQLite"), db.transaction() as tx:
        tx.execute("insert into note(id) values (1)")
        with pytest.raises(IntegrityError):
            tx.execute("insert or rollback into note(id) values (1)")
        with pytest.raises(ClosedError, match="rolled back by SQLite"):
            tx.fetch_value(COUNT)
    assert db.fetch_value(COUNT) == 0
    add(db)


def test_or_rollback_in_a_nested_one_comes_through(db: holdfast.Database) -> None:
    with pytest.raises(IntegrityError), db.transaction() as tx, tx.transaction() as inner:
        inner.execute("insert into note(id) values (1)")
        inner.execute("insert or rollback into note(id) values (1)")
    add(db)
    assert db.fetch_value(COUNT) == 1


def test_a_deferred_foreign_key_fails_the_commit(db: holdfast.Database) -> None:
    db.execute("create table child(n references note(id) deferrable initially deferred)")
    with pytest.raises(IntegrityError, match="FOREIGN KEY"), db.transaction() as tx:
        tx.execute("insert into child values (99)")
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        db.execute("insert into child values (99)")
    assert db.fetch_value("select count(*) from child") == 0
    add(db)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_in_a_generator_of_rows_rolls_back(
    db: holdfast.Database, error: type[BaseException]
) -> None:
    def rows() -> Iterator[list[str]]:
        yield ["a"]
        raise error

    with pytest.raises(error):
        db.execute_many("insert into note(body) values (?)", rows())
    with pytest.raises(error):
        db.insert_many("note", ({"body": row[0]} for row in rows()))
    assert db.fetch_value(COUNT) == 0
    add(db)


def test_a_snapshot_sees_one_moment(db: holdfast.Database, path: Path) -> None:
    add(db)
    with db.snapshot() as snapshot:
        add(db)
        look(path, INSERT)
        assert snapshot.fetch_value(COUNT) == 1
        assert db.fetch_value(COUNT) == 3
    with pytest.raises(ClosedError):
        snapshot.fetch_value(COUNT)

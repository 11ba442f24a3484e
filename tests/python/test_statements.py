"""Statements: the verbs, on a database, in a transaction, in a snapshot."""

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

import holdfast
from holdfast.errors import DataError, IntegrityError, ProgrammingError

ROWS = [(1, "a"), (2, "b"), (3, None)]
SELECT = "select id, body from note order by id"


@pytest.fixture
def filled(db: holdfast.Database) -> holdfast.Database:
    db.execute_many("insert into note values (?, ?)", ROWS)
    return db


@pytest.fixture(params=["database", "transaction", "snapshot"])
def source(filled: holdfast.Database, request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "database":
        yield filled
        return
    with filled.transaction() if request.param == "transaction" else filled.snapshot() as it:
        yield it


def test_reading_verbs_are_the_same_everywhere(source: Any) -> None:
    assert source.fetch_all(SELECT) == ROWS
    assert source.fetch_one(SELECT) == ROWS[0]
    assert source.fetch_value("select body from note where id = ?", [2]) == "b"
    assert list(source.iterate(SELECT)) == ROWS


def test_no_row_is_an_empty_list_or_none(source: Any) -> None:
    nothing = "select body from note where id = 99"
    assert source.fetch_all(nothing) == []
    assert source.fetch_one(nothing) is None
    assert source.fetch_value(nothing) is None
    assert list(source.iterate(nothing)) == []


@pytest.fixture(params=["database", "transaction"])
def target(db: holdfast.Database, request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "database":
        yield db
        return
    with db.transaction() as tx:
        yield tx


def test_execute_counts_the_rows_changed(target: Any) -> None:
    assert target.execute("insert into note values (1, 'a'), (2, 'b')") == 2
    assert target.execute("update note set body = 'c'") == 2
    assert target.execute("create table other(x)") == 0
    assert target.execute("update note set body = 'd' where id = 99") == 0
    assert target.execute("delete from note") == 2


def test_rows_changed_by_triggers_are_not_counted(target: Any) -> None:
    target.execute("create table log(x)")
    target.execute(
        "create trigger t after insert on note begin"
        " insert into log values (1); insert into log values (2); end"
    )
    assert target.execute("insert into note values (1, 'a')") == 1
    assert target.execute_many("insert into note values (?, 'a')", [[2], [3]]) == 2
    assert target.fetch_value("select count(*) from log") == 6


def test_execute_many_counts_and_takes_any_iterable(target: Any) -> None:
    insert = "insert into note(id, body) values (:id, :body)"
    assert target.execute_many(insert, ({"id": n, "body": "x"} for n in range(700))) == 700
    assert target.execute_many("delete from note where id = ?", [(1,), (999,), [2]]) == 2
    assert target.execute_many("delete from note where id = ?", []) == 0


def test_returning_gives_rows_and_writes_once(target: Any) -> None:
    insert = "insert into note(body) values (?), (?) returning id, body"
    assert target.fetch_all(insert, ["a", "b"]) == [(1, "a"), (2, "b")]
    assert target.fetch_one(insert, ["c", "d"]) == (3, "c")
    assert target.fetch_value("update note set body = 'e' returning id") == 1
    assert target.fetch_value("select count(*) from note where body = 'e'") == 4
    assert target.execute("delete from note returning id") == 4


def test_a_write_seen_by_fetch_waits_for_the_lane(db: holdfast.Database) -> None:
    insert = "insert into note(body) values ('x') returning id"
    with db.transaction(), pytest.raises(ProgrammingError, match="through the transaction"):
        db.fetch_value(insert)
    assert db.fetch_value(insert) == 1


def test_a_snapshot_cannot_write(filled: holdfast.Database) -> None:
    with filled.snapshot() as snapshot:
        with pytest.raises(holdfast.errors.Error):
            snapshot.fetch_all("insert into note(body) values ('x') returning id")
        assert not hasattr(snapshot, "execute")
        assert snapshot.fetch_value("select count(*) from note") == 3


@pytest.mark.parametrize("verb", ["execute", "fetch_all", "fetch_one", "fetch_value", "iterate"])
@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("select 1; select 2", "more than one statement"),
        ("", "no statement"),
        ("-- nothing", "no statement"),
        (" /* nothing */ ;", "no statement"),
        ("selec 1", "syntax error"),
        ("select nope", "no such column"),
        ("begin", "with db.transaction"),
        ("savepoint a", "with db.transaction"),
        ("attach ':memory:' as other", "open the other file"),
        ("pragma journal_mode = delete", r"pragmas=\{"),
        ("pragma user_version = 3", "migrations"),
    ],
)
def test_statements_that_cannot_run_are_explained(
    db: holdfast.Database, verb: str, sql: str, problem: str
) -> None:
    with pytest.raises(ProgrammingError, match=problem):
        list(getattr(db, verb)(sql) or ())


@pytest.mark.parametrize(
    "sql", ["select 1;", "select 1 -- end", "/* a; b */ select 1 ; -- ; end\n ; ", "\ufeffselect 1"]
)
def test_comments_and_empty_statements_around_are_fine(db: holdfast.Database, sql: str) -> None:
    assert db.fetch_value(sql) == 1


def test_a_string_in_double_quotes_gets_a_hint(filled: holdfast.Database) -> None:
    with pytest.raises(ProgrammingError, match="'active', not \"active\""):
        filled.fetch_all('select * from note where body = "active"')


def test_fetch_of_what_gives_no_rows_is_refused_and_undone(db: holdfast.Database) -> None:
    with pytest.raises(ProgrammingError, match="run it with execute"):
        db.fetch_all("insert into note(body) values ('x')")
    assert db.fetch_all(SELECT) == []


def test_execute_many_refuses_a_read(db: holdfast.Database) -> None:
    with pytest.raises(ProgrammingError, match="for writes"):
        db.execute_many("select ?", [[1]])


def test_execute_many_is_one_transaction(db: holdfast.Database) -> None:
    with pytest.raises(IntegrityError) as caught:
        db.execute_many("insert into note(id) values (?)", [[1], [2], [1]])
    assert caught.value.sqlite_errorname == "SQLITE_CONSTRAINT_PRIMARYKEY"
    assert not caught.value.retryable
    assert db.fetch_all(SELECT) == []


def test_execute_many_names_the_row_at_fault(db: holdfast.Database) -> None:
    with pytest.raises(DataError, match="row 2: parameter 1"):
        db.execute_many("insert into note(id) values (?)", [[1], [2], [1 << 63]])


def test_execute_many_of_a_generator_needs_constant_memory(db: holdfast.Database) -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        rows = ((None, f"text {n}") for n in range(count))
        db.execute_many("insert into note values (?, ?)", rows)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(10)
    assert peak(50_000) < peak(500) + 50_000


def test_a_changed_schema_is_seen_by_cached_statements(filled: holdfast.Database) -> None:
    everything = "select * from note where id = 1"
    assert filled.fetch_one(everything, into=dict) == {"id": 1, "body": "a"}
    filled.execute("alter table note add column extra default 7")
    assert filled.fetch_one(everything, into=dict) == {"id": 1, "body": "a", "extra": 7}
    assert next(filled.iterate(everything)) == (1, "a", 7)


def test_more_statements_than_the_cache_keeps(db: holdfast.Database) -> None:
    for number in [*range(600), *range(600)]:
        assert db.fetch_value(f"select {number}") == number


def test_the_same_statement_nested_in_itself(filled: holdfast.Database) -> None:
    with filled.snapshot() as snapshot:
        pairs = [(a, b) for a in snapshot.iterate(SELECT) for b in snapshot.iterate(SELECT)]
    assert len(pairs) == 9


def test_execute_refuses_a_statement_that_only_reads(target: Any) -> None:
    with pytest.raises(ProgrammingError, match="only reads; get its rows with fetch_all"):
        target.execute("select 1")

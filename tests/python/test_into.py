"""Rows as typed objects, through a real database."""

import datetime
import uuid
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypedDict

import msgspec
import pydantic
import pytest

import holdfast
from holdfast.errors import DataError, ProgrammingError


@dataclass
class Note:
    id: int
    body: str | None
    stars: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Frozen:
    id: int
    body: str | None


class Pair(NamedTuple):
    id: int
    body: str | None


class Row(TypedDict):
    id: int
    body: str | None


class Model(pydantic.BaseModel):
    id: int
    body: str | None


class Struct(msgspec.Struct):
    id: int
    body: str | None


KINDS: list[tuple[Any, Any]] = [
    (dict, {"id": 1, "body": "a"}),
    (tuple, (1, "a")),
    (None, (1, "a")),
    (Note, Note(1, "a")),
    (Frozen, Frozen(id=1, body="a")),
    (Pair, Pair(1, "a")),
    (Row, {"id": 1, "body": "a"}),
    (Model, Model(id=1, body="a")),
    (Struct, Struct(1, "a")),
]
each_kind = pytest.mark.parametrize(("into", "wanted"), KINDS)


@pytest.fixture
def db(db: holdfast.Database) -> holdfast.Database:
    db.execute("insert into note values (1, 'a')")
    return db


@each_kind
def test_every_verb_makes_rows_into_it(db: holdfast.Database, into: Any, wanted: Any) -> None:
    # The columns come in another order than the fields.
    for sql in ("select id, body from note", "select body, id from note"):
        if into in (tuple, None) and sql.startswith("select body"):
            continue
        assert db.fetch_all(sql, into=into) == [wanted]
        assert db.fetch_one(sql, into=into) == wanted
        assert list(db.iterate(sql, into=into)) == [wanted]
        with db.transaction() as tx:
            assert tx.fetch_all(sql, into=into) == [wanted]
        with db.snapshot() as snapshot:
            assert list(snapshot.iterate(sql, into=into)) == [wanted]
    assert type(db.fetch_one("select id, body from note", into=into)) is type(wanted)


@each_kind
def test_no_row_is_none_for_each(db: holdfast.Database, into: Any, wanted: Any) -> None:
    assert db.fetch_one("select id, body from note where id = 9", into=into) is None
    assert wanted is not None


@each_kind
def test_a_write_returning_makes_rows_into_it(
    db: holdfast.Database, into: Any, wanted: Any
) -> None:
    insert = "insert or replace into note values (1, 'a') returning id, body"
    assert db.fetch_one(insert, into=into) == wanted


@pytest.mark.parametrize("into", [Note, Frozen, Pair, Row])
def test_a_column_without_a_field_is_named(db: holdfast.Database, into: Any) -> None:
    with pytest.raises(ProgrammingError, match="extra"):
        db.fetch_all("select id, body, 1 as extra from note", into=into)


@pytest.mark.parametrize("into", [Note, Frozen, Pair, Row])
def test_a_field_without_a_column_is_named(db: holdfast.Database, into: Any) -> None:
    with pytest.raises(ProgrammingError, match="body"):
        db.fetch_all("select id from note", into=into)


@pytest.mark.parametrize("into", [Note, Frozen, Pair, Row, Model, Struct])
def test_a_value_that_does_not_fit_is_an_error(db: holdfast.Database, into: Any) -> None:
    with pytest.raises(DataError):
        db.fetch_all("select 'text' as id, body from note", into=into)
    with pytest.raises(DataError):
        db.fetch_all("select null as id, body from note", into=into)
    assert db.fetch_value("select 1") == 1


def test_a_value_that_does_not_fit_says_what_was_wanted(db: holdfast.Database) -> None:
    with pytest.raises(DataError, match=r"Note\.id.*int.* the column holds TEXT"):
        db.fetch_all("select 'secret' as id, body from note", into=Note)


def test_two_columns_of_one_name_are_refused(db: holdfast.Database) -> None:
    for into in (dict, Note):
        with pytest.raises(ProgrammingError, match="two columns are named 'id'"):
            db.fetch_all("select id, id from note", into=into)
    assert db.fetch_all("select id, id from note") == [(1, 1)]


@pytest.mark.parametrize("into", [int, object, "Note", 3, [], list])
def test_what_is_no_row_type_is_refused(db: holdfast.Database, into: Any) -> None:
    with pytest.raises(ProgrammingError, match="row"):
        db.fetch_all("select id, body from note", into=into)


@dataclass
class Event:
    at: datetime.datetime
    day: datetime.date
    key: uuid.UUID
    done: bool
    score: float


def test_annotations_bring_values_back(db: holdfast.Database) -> None:
    event = Event(
        datetime.datetime(2026, 1, 2, 3), datetime.date(2026, 1, 2), uuid.uuid4(), True, 2
    )
    columns = ("at", "day", "key", "done", "score")
    db.execute("create table event(at, day, key, done, score)")
    db.insert("event", event)
    found = db.fetch_one(f"select {', '.join(columns)} from event", into=Event)
    assert found == event
    assert type(found.score) is float
    db.execute("update event set at = 'never'")
    with pytest.raises(DataError, match=r"Event\.at.*datetime"):
        db.fetch_one("select * from event", into=Event)
    db.execute("update event set at = '2026-01-02 03:00:00', done = 2")
    with pytest.raises(DataError, match=r"Event\.done.*beyond 0 and 1"):
        db.fetch_one("select * from event", into=Event)


@dataclass
class Picky:
    id: int
    tags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.id > 5:
            raise OverflowError("too many")


def test_an_error_of_the_row_type_itself_comes_through(db: holdfast.Database) -> None:
    assert db.fetch_one("select id from note", into=Picky) == Picky(1)
    for _ in range(3):
        with pytest.raises(OverflowError, match="too many"):
            db.fetch_all("select 1 as id union all select 6", into=Picky)
        with pytest.raises(OverflowError, match="too many"):
            list(db.iterate("select 6 as id", into=Picky))
    with db.transaction() as tx:
        with pytest.raises(OverflowError):
            tx.fetch_all("insert into note(id) values (7) returning id", into=Picky)
        assert tx.fetch_value("select max(id) from note") == 7

"""insert and insert_many: row ids, kinds of rows, identifiers, errors."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import pydantic
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.errors import DataError, IntegrityError, ProgrammingError

ALL = "select * from note order by id"


@dataclass
class Note:
    id: int | None
    body: str


class Pair(NamedTuple):
    id: int | None
    body: str


class Model(pydantic.BaseModel):
    id: int | None
    body: str


class Struct(msgspec.Struct):
    id: int | None
    body: str


@pytest.mark.parametrize("kind", [dict, Note, Pair, Model, Struct])
def test_it_takes_every_kind_of_row(db: holdfast.Database, kind: Any) -> None:
    assert db.insert("note", kind(id=7, body="a")) == 7
    assert db.insert_many("note", (kind(id=None, body=str(n)) for n in range(300))) == 300
    assert db.fetch_all(ALL)[:2] == [(7, "a"), (8, "0")]


@pytest.mark.parametrize("row", [("a", "b"), ["a"], 3, "text", None])
def test_other_kinds_are_refused(db: holdfast.Database, row: Any) -> None:
    with pytest.raises(ProgrammingError, match="a row to write cannot be of type"):
        db.insert("note", row)


def test_it_gives_the_row_id(db: holdfast.Database) -> None:
    assert db.insert("note", {"body": "a"}) == 1
    assert db.insert("note", {"id": -5, "body": "b"}) == -5
    assert db.insert("note", {"id": -(2**63), "body": "c"}) in (-(2**63), None)
    assert db.insert("note", {}) == 2
    with db.transaction() as tx:
        assert tx.insert("note", {"body": "d"}) == 3


def test_a_table_without_row_ids_gives_none(db: holdfast.Database) -> None:
    db.execute("create table pair(a, b, primary key (a, b)) without rowid")
    assert db.insert("pair", {"a": 1, "b": 2}) is None
    assert db.fetch_all("select * from pair") == [(1, 2)]


def test_a_trigger_does_not_change_the_row_id(db: holdfast.Database) -> None:
    db.execute("create table log(id integer primary key)")
    db.execute("insert into log values (500)")
    db.execute("create trigger t after insert on note begin insert into log values (null); end")
    assert db.insert("note", {"body": "a"}) == 1
    assert db.insert_many("note", [{"body": "b"}, {"body": "c"}]) == 2


def test_rows_of_a_batch_may_have_different_columns(db: holdfast.Database) -> None:
    rows = [{"body": "a"}, {"id": 10, "body": "b"}, {"body": "c", "id": 11}, {}, {"id": 20}]
    assert db.insert_many("note", rows) == 5
    assert db.fetch_all(ALL) == [(1, "a"), (10, "b"), (11, "c"), (12, None), (20, None)]


def test_a_batch_is_one_transaction_and_names_the_row(db: holdfast.Database) -> None:
    rows = [{"id": 1}, {"id": 2}, {"id": 1}]
    with pytest.raises(IntegrityError, match="row 2"):
        db.insert_many("note", rows)
    assert db.fetch_all(ALL) == []
    with pytest.raises(DataError, match="row 1: column 'body': .* 64 bits"):
        db.insert_many("note", [{"body": 1}, {"body": 2**63}])
    with pytest.raises(ProgrammingError, match="row 1: a row to write cannot be"):
        db.insert_many("note", [{"body": 1}, 5])
    assert db.fetch_all(ALL) == []


def test_an_unknown_table_or_column_lists_the_known(db: holdfast.Database) -> None:
    db.execute("create table other(x)")
    with pytest.raises(ProgrammingError, match='no table "nope"; known are: note, other'):
        db.insert("nope", {"body": 1})
    with (
        holdfast.open(":memory:") as empty,
        pytest.raises(ProgrammingError, match='no table "nope", and no other'),
    ):
        empty.insert("nope", {"body": 1})
    with pytest.raises(ProgrammingError, match='no column "bodi"; known are: id, body'):
        db.insert("note", {"bodi": 1})
    with pytest.raises(ProgrammingError, match='row 1: .*no column "bodi"'):
        db.insert_many("note", [{"body": 1}, {"bodi": 1}])


def test_column_and_table_names_ignore_case(db: holdfast.Database) -> None:
    assert db.insert("NOTE", {"Body": "a"}) == 1
    assert db.fetch_value("select body from note") == "a"


def test_a_generated_column_is_computed(db: holdfast.Database) -> None:
    db.execute("create table g(n, double as (n * 2) stored)")
    db.insert("g", {"n": 4})
    assert db.fetch_all("select * from g") == [(4, 8)]
    with pytest.raises(ProgrammingError, match="generated column"):
        db.insert("g", {"n": 4, "double": 9})


def test_a_view_with_a_trigger_takes_rows(db: holdfast.Database) -> None:
    db.execute("create view v as select body from note")
    db.execute(
        "create trigger t instead of insert on v begin"
        " insert into note(body) values (new.body); end"
    )
    db.insert("v", {"body": "through"})
    assert db.fetch_all(ALL) == [(1, "through")]


@pytest.mark.parametrize("name", ["", "nul\0name", "\ud800"])
def test_names_that_cannot_be_are_refused(db: holdfast.Database, name: str) -> None:
    for call in (
        lambda: db.insert(name, {"body": 1}),
        lambda: db.insert("note", {name: 1}),
        lambda: db.insert_many("note", [{name: 1}]),
        lambda: db.upsert("note", {"id": 1, name: 1}, key="id"),
    ):
        with pytest.raises((DataError, ProgrammingError, UnicodeEncodeError)):
            call()
    assert db.fetch_all(ALL) == []


def test_a_column_name_must_be_text(db: holdfast.Database) -> None:
    with pytest.raises(ProgrammingError, match="column names are str"):
        db.insert("note", {1: 1})


NAMES = ["two words", 'quo"te', "'", "select", "[x]", "`b`", "naïve", "a.b", "--", "😀", "a;b", "?"]
_NAME = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


def _round_trip(db: holdfast.Database, table: str, column: str) -> None:
    quoted, field = (holdfast_quote(name) for name in (table, column))
    with db.transaction() as tx:
        tx.execute(f"create table {quoted}({field} primary key, other)")
        assert tx.insert(table, {column: "k", "other": 1}) == 1
        assert tx.upsert(table, {column: "k", "other": 2}, key=column) == 1
        assert tx.insert_many(table, [{column: "l"}]) == 1
        assert tx.fetch_all(f"select {field}, other from {quoted}") == [("k", 2), ("l", None)]
        row = tx.fetch_one(f"select {field} from {quoted}", into=dict)
        assert row == {column: "k"}
        tx.execute(f"drop table {quoted}")


def holdfast_quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.parametrize("name", NAMES)
def test_any_identifier_is_quoted(db: holdfast.Database, name: str) -> None:
    _round_trip(db, name, name)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=_NAME, column=_NAME)
def test_identifiers_of_any_text_work(db: holdfast.Database, table: str, column: str) -> None:
    assume(not table.lower().startswith("sqlite_") and table.lower() != "note")
    assume(column.lower() != "other")
    _round_trip(db, table, column)

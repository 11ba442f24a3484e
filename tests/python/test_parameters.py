"""Parameters and values: what goes in, what comes back, what is refused and how."""

import datetime
import decimal
import enum
import uuid
from collections import OrderedDict, UserDict
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.errors import DataError, IntegrityError, ProgrammingError


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Point(NamedTuple):
    x: int
    y: int


class Text(str):
    pass


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (None, None),
        (0, 0),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (True, 1),
        (1.5, 1.5),
        (float("inf"), float("inf")),
        (float("-inf"), float("-inf")),
        ("", ""),
        ("a\0b\0", "a\0b\0"),
        ("\U0001f980 \u00e9", "\U0001f980 \u00e9"),
        (b"", b""),
        (b"\0\xff", b"\0\xff"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        (datetime.date(2026, 1, 31), "2026-01-31"),
        (datetime.datetime(2026, 1, 31, 12), "2026-01-31 12:00:00"),
        (datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC), "2026-01-31 00:00:00+00:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (decimal.Decimal("1.10"), "1.10"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Text("t"), "t"),
    ],
)
def test_values_round_trip(db: holdfast.Database, value: Any, stored: Any) -> None:
    found = db.fetch_value("select ?", [value])
    assert (type(found), found) == (type(stored), stored)
    row_id = db.fetch_value("insert into note(body) values (:v) returning id", {"v": value})
    found = db.fetch_value("select body from note where id = ?", (row_id,))
    assert (type(found), found) == (type(stored), stored)


_STORABLE = (
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
    | st.binary()
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.lists(_STORABLE, min_size=1, max_size=8))
def test_any_row_round_trips(db: holdfast.Database, row: list[Any]) -> None:
    marks = ", ".join("?" * len(row))
    found = db.fetch_one(f"select {marks}", row)
    assert found == tuple(row)
    assert [type(value) for value in found] == [type(value) for value in row]
    assert db.fetch_one("select :a, :b", {"a": row[0], "b": row[-1]}) == (row[0], row[-1])


@pytest.mark.parametrize("value", ["x" * 10_000_000, b"\x01" * 10_000_000], ids=["text", "blob"])
def test_ten_megabytes_round_trip(db: holdfast.Database, value: Any) -> None:
    db.execute("insert into note(body) values (?)", [value])
    assert db.fetch_value("select body from note") == value


@pytest.mark.parametrize("name", ["?", "?1", ":a", "@a", "$a"])
def test_every_sign_takes_a_sequence(db: holdfast.Database, name: str) -> None:
    assert db.fetch_value(f"select {name}", [7]) == 7


@pytest.mark.parametrize("sign", [":", "@", "$"])
@pytest.mark.parametrize("kind", [dict, OrderedDict, UserDict])
def test_every_named_sign_takes_a_mapping(db: holdfast.Database, sign: str, kind: Any) -> None:
    given_ = kind({"a": 1, "b": 2, "unused": 3})
    assert db.fetch_one(f"select {sign}b, {sign}a, {sign}b", given_) == (2, 1, 2)


def test_a_repeated_number_is_one_parameter(db: holdfast.Database) -> None:
    assert db.fetch_one("select ?1, ?2, ?1", ["a", "b"]) == ("a", "b", "a")


@pytest.mark.parametrize("rows", [(1, 2), [1, 2], Point(1, 2)])
def test_every_sequence_is_taken(db: holdfast.Database, rows: Any) -> None:
    assert db.fetch_one("select ?, ?", rows) == (1, 2)


@pytest.mark.parametrize("text", ["ab", b"ab", bytearray(b"ab"), 12, object(), {1}, iter([1])])
def test_a_bare_value_is_no_sequence(db: holdfast.Database, text: Any) -> None:
    with pytest.raises(TypeError, match=r"write \[value\]"):
        db.fetch_value("select ?", text)


@pytest.mark.parametrize(
    ("sql", "parameters", "problem"),
    [
        ("select ?", None, "takes 1 parameters, 0 were given"),
        ("select ?, ?", [1], "takes 2 parameters, 1 were given"),
        ("select ?", [1, 2], "takes 1 parameters, 2 were given"),
        ("select 1", [1], "takes 0 parameters, 1 were given"),
        ("select :a, :b", {"a": 1, "c": 2}, "parameter :b is missing; given are: a, c"),
        ("select ?", {"a": 1}, "give a sequence, not a mapping"),
        ("select ?1", {"1": 1}, "give a sequence, not a mapping"),
        ("select :a, ?", {"a": 1}, "give a sequence, not a mapping"),
    ],
)
def test_parameters_that_do_not_fit_are_explained(
    db: holdfast.Database, sql: str, parameters: Any, problem: str
) -> None:
    with pytest.raises(ProgrammingError, match=problem):
        db.fetch_value(sql, parameters)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (2**63, "64 bits"),
        (-(2**63) - 1, "64 bits"),
        ("\ud800", "lone surrogate"),
        (Text("\udfff"), "lone surrogate"),
        (float("nan"), "NaN"),
        (object(), "type object cannot be stored"),
        ([1], "type list cannot be stored"),
        (1 + 2j, "type complex cannot be stored"),
        (datetime.timedelta(1), "timedelta cannot be stored"),
    ],
)
def test_values_that_cannot_be_stored_name_their_parameter(
    db: holdfast.Database, value: Any, problem: str
) -> None:
    with pytest.raises((DataError, ProgrammingError), match=f"parameter 2: .*{problem}"):
        db.fetch_value("select ?, ?", [1, value])
    with pytest.raises((DataError, ProgrammingError), match=f"parameter :b: .*{problem}"):
        db.fetch_value("select :a, :b", {"a": 1, "b": value})


def test_text_that_is_not_utf8_is_an_error_that_names_the_column(db: holdfast.Database) -> None:
    db.execute("insert into note(body) values (cast(x'ff' as text))")
    with pytest.raises(DataError, match=r"column 1 .*CAST"):
        db.fetch_all("select id, body from note")


def test_a_unique_violation_names_the_constraint(db: holdfast.Database) -> None:
    db.execute("insert into note(id) values (1)")
    with pytest.raises(IntegrityError, match=r"UNIQUE constraint failed: note\.id") as caught:
        db.execute("insert into note(id) values (?)", [1])
    assert caught.value.sqlite_errorcode == 1555
    assert caught.value.sqlite_errorname == "SQLITE_CONSTRAINT_PRIMARYKEY"


@pytest.mark.parametrize("verb", ["execute", "fetch_all", "iterate"])
def test_verbs_take_only_text_as_sql(db: holdfast.Database, verb: str) -> None:
    with pytest.raises(TypeError):
        getattr(db, verb)(b"select 1")

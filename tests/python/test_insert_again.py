"""Inserts of the same shape, one after the other: what is remembered of the last must not show."""

from typing import Any

import pytest

import holdfast
from holdfast.errors import ProgrammingError


def names(*parts: str) -> list[str]:
    """Texts that are equal to others, and never the same objects."""
    return ["".join(list(part)) for part in parts]


def test_rows_of_a_batch_may_order_and_spell_their_columns_anew(db: holdfast.Database) -> None:
    def rows() -> Any:
        yield {"id": 1, "body": "a"}
        yield {"body": "b", "id": 2}
        yield dict(zip(names("id", "body"), (3, "c"), strict=True))
        yield {"id": 4}
        yield {"body": "e", "id": 5}
        yield {"id": 6, "body": "f"}

    assert db.insert_many("note", rows()) == 6
    assert db.fetch_all("select * from note order by id") == [
        (1, "a"),
        (2, "b"),
        (3, "c"),
        (4, None),
        (5, "e"),
        (6, "f"),
    ]


def test_a_column_that_is_no_text_is_refused_in_any_row(db: holdfast.Database) -> None:
    with pytest.raises(ProgrammingError, match="column names are str"):
        db.insert_many("note", [{"id": 1, "body": "a"}, {"id": 2, 3: "b"}])
    with pytest.raises(ProgrammingError, match="column names are str"):
        db.insert("note", {3: "b"})
    assert db.fetch_value("select count(*) from note") == 0


def test_a_value_that_changes_its_row_while_it_is_adapted_does_no_harm(
    db: holdfast.Database,
) -> None:
    class Text(str):
        def __str__(self) -> str:
            row.clear()
            return super().__str__()

    row: dict[str, Any] = {"id": 2, "body": Text("b")}
    db.upsert_many("note", [{"id": 1, "body": "a"}, row], key="id")
    assert db.fetch_all("select * from note") == [(1, "a"), (2, "b")]


def test_the_same_columns_with_another_key_or_update_are_another_upsert(
    db: holdfast.Database,
) -> None:
    db.execute("create table pair(a integer unique, b integer unique, c)")
    row = {"a": 1, "b": 2, "c": 3}
    first = db.upsert("pair", row, key="a")
    assert db.upsert("pair", row | {"c": 4}, key="b") == first
    assert db.upsert("pair", row | {"c": 5}, key="a", update=["b"]) == first
    assert db.fetch_value("select c from pair") == 4
    assert db.upsert("pair", row | {"c": 6}, key="a", do_nothing=True) == first
    assert db.fetch_value("select c from pair") == 4
    with pytest.raises(holdfast.IntegrityError):
        db.insert("pair", row)
    assert db.upsert("pair", row | {"c": 7}, key="a") == first
    assert db.fetch_value("select c from pair") == 7


def test_a_table_that_was_made_anew_takes_the_same_row(db: holdfast.Database) -> None:
    row = {"name": "x", "value": 1}
    for columns in ["name text primary key, value", "value, name text primary key"]:
        db.execute(f"create table setting({columns})")
        assert db.upsert("setting", row, key="name") == 1
        assert db.upsert("setting", row | {"value": 2}, key="name") == 1
        assert db.fetch_all("select name, value from setting") == [("x", 2)]
        db.execute("drop table setting")


def test_more_shapes_than_are_kept_are_each_their_own(db: holdfast.Database) -> None:
    for number in range(40):
        db.execute(f"create table t{number}(id integer primary key, v)")
    for value in range(2):
        for number in range(40):
            db.upsert(f"t{number}", {"id": number, "v": value}, key="id")
            assert db.fetch_all(f"select * from t{number}") == [(number, value)]

"""Row types whose methods are replaced after rows were made into them, as tests and tools do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

import holdfast

SQL = "select 1 as id, 'a' as body"


def made(kind: str) -> Any:
    @dataclass
    class Note:
        id: int
        body: str

    class Child(Note):
        pass

    class Pair(NamedTuple):
        id: int
        body: str

    return {"dataclass": Note, "child": Child, "tuple": Pair}[kind]


@pytest.mark.parametrize("kind", ["dataclass", "child"])
def test_an_init_that_is_replaced_is_used_and_so_is_the_old_one_again(
    db: holdfast.Database, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    note: type[Any] = made(kind)

    def other(self: Any, id: int, body: str) -> None:
        self.id, self.body = id * 100, body

    def read() -> list[int]:
        one: Any = db.fetch_one(SQL, into=note)
        rows: list[Any] = db.fetch_all(SQL, into=note)
        return [one.id, *(row.id for row in rows)]

    assert read() == [1, 1]
    with monkeypatch.context() as patch:
        # That of the parent, for the child.
        patch.setattr(note.__mro__[-2], "__init__", other)
        assert read() == [100, 100]
    assert read() == [1, 1]


@pytest.mark.parametrize("kind", ["dataclass", "child", "tuple"])
def test_a_new_that_is_replaced_is_used(
    db: holdfast.Database, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    note: type[Any] = made(kind)
    calls: list[Any] = []
    before: Callable[..., Any] = note.__new__

    def other(cls: type[Any], *values: Any) -> Any:
        calls.append(values)
        return before(cls, *values) if kind == "tuple" else before(cls)

    expected = note(1, "a")
    assert db.fetch_one(SQL, into=note) == expected
    monkeypatch.setattr(note, "__new__", other)
    assert db.fetch_one(SQL, into=note) == expected
    assert db.fetch_all(SQL, into=note) == [expected]
    assert calls == [(1, "a"), (1, "a")]


def test_an_init_that_returns_something_is_an_error_as_in_a_call(
    db: holdfast.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(self: Any, id: int, body: str) -> int:
        self.id, self.body = id, body
        return 5

    note: type[Any] = made("dataclass")
    monkeypatch.setattr(note, "__init__", wrong)
    with pytest.raises(TypeError, match=r"__init__\(\) should return None, not 'int'"):
        db.fetch_one(SQL, into=note)

"""Row types that take part in how they are made: the engine's shorter ways must not be seen."""

import gc
from dataclasses import dataclass, field, make_dataclass
from typing import Any, NamedTuple

import pytest

import holdfast

SQL = "select 1 as id, 'a' as body"


class Plain(NamedTuple):
    id: int
    body: str


class Counted(Plain):
    """Makes itself in a way of its own."""

    __slots__ = ()
    made = 0

    def __new__(cls, id: int, body: str) -> "Counted":
        cls.made += 1
        return super().__new__(cls, id * 100, body)


class Noted(Plain):
    """Has an attribute that its `__init__` sets."""

    def __init__(self, id: int, body: str) -> None:
        super().__init__()
        self.note = f"{id} {body}"


class Named(Plain):
    """Adds nothing but a method."""

    def title(self) -> str:
        return self.body.upper()


class Default(NamedTuple):
    id: int
    body: str
    stars: int = 5


class Meta(type):
    calls = 0

    def __call__(cls, *values: Any, **named: Any) -> Any:
        Meta.calls += 1
        return super().__call__(*values, **named)


@dataclass
class Called(metaclass=Meta):
    id: int
    body: str


@dataclass
class Finished:
    id: int
    body: str
    both: str = field(init=False)

    def __post_init__(self) -> None:
        self.both = f"{self.id}{self.body}"


@dataclass
class OwnNew:
    id: int
    body: str

    def __new__(cls, *_values: Any) -> "OwnNew":
        made = super().__new__(cls)
        made.seen = True  # type: ignore[attr-defined]
        return made


@dataclass
class Refused:
    id: int
    body: str

    def __post_init__(self) -> None:
        raise LookupError("not today")


def test_a_named_tuple_is_of_its_type(db: holdfast.Database) -> None:
    row = db.fetch_one(SQL, into=Plain)
    assert type(row) is Plain
    assert row == (1, "a")
    assert row._asdict() == {"id": 1, "body": "a"}
    named = db.fetch_one(SQL, into=Named)
    assert type(named) is Named
    assert named.title() == "A"


def test_a_named_tuple_takes_columns_in_any_order_and_defaults(db: holdfast.Database) -> None:
    assert db.fetch_one("select 'a' as body, 1 as id", into=Plain) == Plain(1, "a")
    assert db.fetch_one(SQL, into=Default) == Default(1, "a", 5)
    assert db.fetch_one("select 3 as stars, 'a' as body, 1 as id", into=Default) == (1, "a", 3)


def test_a_named_tuple_with_a_new_or_init_of_its_own_is_made_by_it(db: holdfast.Database) -> None:
    before = Counted.made
    assert db.fetch_all(SQL, into=Counted) == [(100, "a")]
    assert Counted.made == before + 1
    noted = db.fetch_one(SQL, into=Noted)
    assert noted is not None
    assert noted.note == "1 a"


def test_a_dataclass_is_made_as_its_class_says(db: holdfast.Database) -> None:
    calls = Meta.calls
    assert isinstance(db.fetch_one(SQL, into=Called), Called)
    assert Meta.calls == calls + 1
    finished = db.fetch_one(SQL, into=Finished)
    assert finished is not None
    assert finished.both == "1a"
    assert db.fetch_one(SQL, into=OwnNew).seen  # type: ignore[union-attr]
    with pytest.raises(LookupError, match="not today"):
        db.fetch_one(SQL, into=Refused)


@pytest.mark.parametrize("width", [15, 16, 17, 40])
def test_rows_may_be_wide(db: holdfast.Database, width: int) -> None:
    names = [f"c{number}" for number in range(width)]
    sql = "select " + ", ".join(f"{number} as {name}" for number, name in enumerate(names))
    values = tuple(range(width))
    wide = make_dataclass("Wide", [(name, int) for name in names])
    backwards = make_dataclass("Backwards", [(name, int) for name in reversed(names)])
    pair: Any = NamedTuple("pair", [(name, int) for name in names])
    assert db.fetch_one(sql, into=wide) == wide(*values)
    assert db.fetch_one(sql, into=backwards) == backwards(*reversed(values))
    assert db.fetch_one(sql, into=pair) == values


def test_many_types_and_columns_keep_their_own_plans(db: holdfast.Database) -> None:
    types = [make_dataclass(f"Type{number}", [("id", int)]) for number in range(300)]
    for _ in range(2):
        for number, kind in enumerate(types):
            row = db.fetch_one(f"select {number} as id", into=kind)
            assert type(row) is kind
            assert row == kind(number)


def test_columns_that_change_get_a_new_plan(db: holdfast.Database) -> None:
    @dataclass
    class Note:
        id: int
        body: str
        stars: int = 0

    db.execute("insert into note values (1, 'a')")
    assert db.fetch_all("select * from note", into=Note) == [Note(1, "a")]
    db.execute("alter table note add column stars integer default 3")
    assert db.fetch_all("select * from note", into=Note) == [Note(1, "a", 3)]
    assert db.fetch_all("select * from note", into=dict) == [{"id": 1, "body": "a", "stars": 3}]


TEXTS = ["", "a", "é", "ab", "añ", "\x7f\x80", "a" * 1000, "a" * 31 + "é", "日本", "😀", "a\x00b"]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_text_of_any_width_comes_back(db: holdfast.Database, text: str) -> None:
    db.execute("insert into note values (1, ?)", [text])
    row = db.fetch_one("select * from note")
    assert row == (1, text)
    assert row[1].isascii() == text.isascii()
    assert hash(row[1]) == hash(text)
    assert db.fetch_value("select body from note where body = ?", [row[1]]) == text


def test_rows_are_no_work_for_the_collector(db: holdfast.Database) -> None:
    assert not gc.is_tracked(db.fetch_one(SQL))
    assert not any(map(gc.is_tracked, db.fetch_all("select 1, 'a', 2.0, x'00', null")))

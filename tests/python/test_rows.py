"""Plans for rows: what they can become, and which columns that takes."""

from dataclasses import InitVar, dataclass, field, make_dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, ClassVar, Generic, NamedTuple, NotRequired, Optional, TypedDict, TypeVar

import msgspec
import pydantic
import pytest

from holdfast.errors import DataError, ProgrammingError
from holdfast.rows import fields_of, plan
from plans import build

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    age: Optional[int] = None  # noqa: UP045 - the old spelling has to work
    tags: str = field(default_factory=str)
    score: float = field(default=0.0, kw_only=True)
    size: int = field(init=False, default=3)
    kind: ClassVar[str] = "person"


class Point(NamedTuple):
    x: float
    y: "float" = 0.0


class Film(TypedDict):
    title: str
    seen: "NotRequired[bool]"


class PartFilm(Film, total=False):
    year: int


@dataclass
class Box(Generic[T]):
    content: T


class Model(pydantic.BaseModel):
    born: date
    full_name: str = pydantic.Field(alias="fullName")


class Struct(msgspec.Struct, rename="camel"):
    seen_at: datetime
    is_open: bool = False


def test_a_dict_takes_any_column() -> None:
    assert build(dict, a=1, b=None) == {"a": 1, "b": None}
    assert build(dict[str, Any], a=1) == {"a": 1}


def test_a_dataclass_takes_columns_in_any_order() -> None:
    assert build(Person, score=1, name="Ada") == Person("Ada", score=1.0)
    assert build(Person, tags="x", name="Ada") == Person("Ada", tags="x")
    assert build(Person, name="Ada", age=None, tags="t") == Person("Ada", None, "t")
    assert plan(Person, ("name", "age")).order is None
    assert plan(Person, ("score", "tags", "name")).keywords == ("tags", "score")


def test_a_dataclass_with_init_variables() -> None:
    @dataclass
    class Circle:
        radius: InitVar[float]
        area: float = field(init=False)

        def __post_init__(self, radius: float) -> None:
            self.area = 3 * radius**2

    assert build(Circle, radius=2).area == 12.0


def test_a_generic_dataclass_checks_its_argument() -> None:
    assert build(Box[int], content=1) == Box(1)
    assert build(Box, content="any") == Box("any")
    with pytest.raises(DataError, match=r"Box\.content"):
        build(Box[int], content="text")


def test_unknown_names_in_annotations_are_not_checked() -> None:
    kind = make_dataclass("Loose", [("x", "Nowhere | None"), ("y", "int")])
    assert build(kind, x=1.5, y=1) == kind(1.5, 1)
    with pytest.raises(DataError, match=r"Loose\.y: int"):
        build(kind, x=1.5, y="text")


def test_named_tuples_and_typed_dicts() -> None:
    assert build(Point, y=2.0, x=1) == Point(1.0, 2.0)
    assert build(Film, title="M", seen=1) == {"title": "M", "seen": True}
    assert build(PartFilm, title="M") == {"title": "M"}


def test_pydantic_reads_by_name_and_by_alias() -> None:
    wanted = Model(born=date(1815, 12, 10), fullName="Ada")
    assert build(Model, full_name="Ada", born="1815-12-10") == wanted
    assert build(Model, fullName="Ada", born="1815-12-10") == wanted
    with pytest.raises(DataError, match="Model") as caught:
        build(Model, fullName="Ada", born="no date")
    assert isinstance(caught.value.__cause__, pydantic.ValidationError)


def test_msgspec_reads_by_name_and_by_alias() -> None:
    wanted = Struct(datetime.fromisoformat("2026-01-31 12:00:00+00:00"), True)
    assert build(Struct, seen_at="2026-01-31 12:00:00+00:00", is_open=1) == wanted
    assert build(Struct, isOpen=1, seenAt="2026-01-31 12:00:00+00:00") == wanted
    with pytest.raises(DataError, match="Struct") as caught:
        build(Struct, seen_at="never")
    assert isinstance(caught.value.__cause__, msgspec.ValidationError)


@pytest.mark.parametrize(
    ("into", "columns", "message"),
    [
        (Person, ("name", "nick"), "Person has no field for column 'nick'; its fields: name, age"),
        (Person, ("name", "size"), "no field for column 'size'"),
        (Person, ("age",), "Person.name needs a column; the columns: age"),
        (Point, ("y",), "Point.x needs a column"),
        (Film, ("seen",), "Film.title needs a column"),
        (Film, ("title", "year"), "no field for column 'year'"),
        (dict, ("id", "id"), "two columns are named 'id'"),
        (int, ("id",), "rows cannot become int; use tuple, dict"),
    ],
)
def test_columns_and_fields_must_meet(into: Any, columns: tuple[str, ...], message: str) -> None:
    with pytest.raises(ProgrammingError, match=message):
        plan(into, columns)


def test_fields_of_what_can_be_written() -> None:
    row = {"a": 1}
    assert fields_of(row) is row
    assert fields_of(MappingProxyType(row)) == row
    assert fields_of(Point(1, 2)) == {"x": 1, "y": 2}
    assert fields_of(Box(Box(1))) == {"content": Box(1)}
    model = Model(born=date(1815, 12, 10), fullName="Ada")
    assert fields_of(model) == {"born": model.born, "full_name": "Ada"}
    struct = Struct(datetime(2026, 1, 31))
    assert fields_of(struct) == {"seen_at": struct.seen_at, "is_open": False}


@pytest.mark.parametrize("row", [{1: 2}, 5, (1, 2), "text", Point, Person])
def test_other_rows_are_refused(row: object) -> None:
    with pytest.raises(ProgrammingError, match=r"column names are str|a row to write cannot be"):
        fields_of(row)

"""What a stored value becomes for the annotation of a field."""

import enum
from dataclasses import make_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import pytest

from holdfast.errors import DataError, ProgrammingError
from plans import build

Key = NewType("Key", int)


def build_field(annotation: Any, value: Any) -> Any:
    """Build a one-field row and return its field."""
    return build(make_dataclass("One", [("x", annotation)]), x=value).x


class Colour(enum.Enum):
    RED = "red"
    ONE = 1


@pytest.mark.parametrize(
    ("annotation", "stored", "wanted"),
    [
        (int, 1, 1),
        (float, 1, 1.0),
        (bool, 1, True),
        (int | None, None, None),
        (int | float, 1, 1),
        (int | bool, 1, 1),
        (bool | float, 2, 2.0),
        (int | str, "x", "x"),
        (datetime | int, "2026-01-31 00:00:00", datetime(2026, 1, 31)),
        (datetime | int, 5, 5),
        (Annotated[Key, "a note"], 5, 5),
        (Any, b"x", b"x"),
        (object, None, None),
        ("Unknown", 1.5, 1.5),
        (Literal["a", 1, None], "a", "a"),
        (Literal[True], 1, True),
        (Colour, "red", Colour.RED),
        (Colour | None, 1, Colour.ONE),
        (Decimal, 0.1, Decimal("0.1")),
        (UUID, bytes(16), UUID(int=0)),
        (date | None, "2026-01-31", date(2026, 1, 31)),
    ],
)
def test_a_stored_value_becomes_what_the_field_asks(
    annotation: Any, stored: Any, wanted: Any
) -> None:
    found = build_field(annotation, stored)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("annotation", "stored"),
    [(int, None), (int, 1.0), (int, "1"), (bool, 2), (str, b""), (float, "1"), (bytes, "x"),
     (Literal["a"], "b"), (Colour, "blue"), (Colour, 0.5), (datetime, 5), (date, "no date"),
     (Decimal, "many"), (None, 0)],
)  # fmt: skip
def test_a_stored_value_that_does_not_fit_is_named(annotation: Any, stored: Any) -> None:
    with pytest.raises(DataError, match=r"One\.x: "):
        build_field(annotation, stored)


@pytest.mark.parametrize("annotation", [list[int], dict[str, Any], list, tuple, bytearray])
def test_a_field_that_no_column_can_fill_is_refused(annotation: Any) -> None:
    with pytest.raises(ProgrammingError, match=r"One\.x: .* cannot come from a column"):
        build_field(annotation, "x")


def test_a_union_with_two_readings_is_refused() -> None:
    with pytest.raises(ProgrammingError, match=r"One\.x: .* is ambiguous: TEXT"):
        build_field(str | datetime, "x")

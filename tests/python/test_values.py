"""Values into SQLite and back."""

import array
import enum
import sqlite3
import sys
import types
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.values import adapt, converter


class Colour(enum.Enum):
    RED = "red"
    DAY = date(2026, 1, 31)
    NONE_SUCH = ("not", "storable")


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


class Text(str):
    def __str__(self) -> str:
        return "overridden"


class Number(int):
    pass


def there_and_back(value: object, kind: type) -> Any:
    convert = converter(kind)
    assert convert is not None
    return convert(adapt(value))


def sqlite_value(sql: str, *parameters: object) -> Any:
    with closing(sqlite3.connect(":memory:")) as connection:
        return connection.execute(sql, parameters).fetchone()[0]


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (None, None),
        (True, 1),
        (Number(7), 7),
        (Text("kept"), "kept"),
        (type("Real", (float,), {})(0.5), 0.5),
        (type("Raw", (bytes,), {})(b"x"), b"x"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcdef")[::2], b"ace"),
        (array.array("B", [1, 2]), b"\x01\x02"),
        (Colour.RED, "red"),
        (Colour.DAY, "2026-01-31"),
        (Level.LOW, 1),
        (Mode.READ | Mode.WRITE, 3),
        (datetime(2026, 1, 31, 12), "2026-01-31 12:00:00"),
        (date(2026, 1, 31), "2026-01-31"),
        (time(12, 30), "12:30:00"),
        (Decimal("1.10"), "1.10"),
        (Decimal("NaN"), "NaN"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_a_value_is_stored_as_a_plain_one(value: object, stored: object) -> None:
    adapted = adapt(value)
    assert adapted == stored
    assert type(adapted) is type(stored)


@pytest.mark.parametrize(
    "value", [{}, [1], timedelta(1), 1j, object(), Colour.NONE_SUCH, memoryview]
)
def test_what_has_no_adapter_is_refused_with_advice(value: object) -> None:
    with pytest.raises(TypeError, match=r"values of type .* cannot be stored; convert it first"):
        adapt(value)


def test_an_aware_datetime_is_stored_in_utc() -> None:
    berlin = datetime(2026, 7, 1, 14, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    assert adapt(berlin) == "2026-07-01 12:00:00+00:00"
    with pytest.raises(TypeError, match="in UTC"):
        adapt(datetime.min.replace(tzinfo=timezone(timedelta(hours=2))))


def test_sqlite_reads_what_is_stored_for_a_datetime() -> None:
    moment = datetime(2026, 1, 31, 12, 0, 0, 500000, tzinfo=timezone(timedelta(hours=1)))
    seconds = sqlite_value("select (julianday(?) - 2440587.5) * 86400.0", adapt(moment))
    assert seconds == pytest.approx(moment.timestamp(), abs=0.001)


def test_a_datetime_is_read_from_what_sqlite_writes() -> None:
    convert = converter(datetime)
    assert convert is not None
    assert isinstance(convert(sqlite_value("select current_timestamp")), datetime)


@given(st.datetimes(timezones=st.just(UTC) | st.timezones()), st.datetimes())
def test_datetimes_come_back(aware: datetime, naive: datetime) -> None:
    try:
        aware.astimezone(UTC)
    except OverflowError:
        return
    assert there_and_back(aware, datetime) == aware.astimezone(UTC)
    assert there_and_back(naive, datetime) == naive


@given(st.datetimes(), st.datetimes())
def test_text_sorts_as_time(one: datetime, other: datetime) -> None:
    pairs = [(one, other), (one.replace(tzinfo=UTC), other.replace(tzinfo=UTC))]
    for a, b in pairs:
        assert (str(adapt(a)) < str(adapt(b))) == (a < b)


@given(st.dates(), st.times(), st.uuids(), st.decimals(allow_nan=False))
def test_other_values_come_back(day: date, hour: time, key: UUID, number: Decimal) -> None:
    assert there_and_back(day, date) == day
    assert there_and_back(hour, time) == hour
    assert there_and_back(key, UUID) == key
    back = there_and_back(number, Decimal)
    assert back.as_tuple() == number.as_tuple()


@given(st.binary())
def test_buffers_keep_their_bytes(data: bytes) -> None:
    assert adapt(bytearray(data)) == adapt(memoryview(data)) == data


@pytest.mark.parametrize("member", [Colour.RED, Colour.DAY, Level.LOW, Mode.READ | Mode.WRITE])
def test_enums_come_back_by_value(member: enum.Enum) -> None:
    assert there_and_back(member, type(member)) is member


def test_other_stored_forms_are_read_too() -> None:
    key = uuid4()
    to_uuid, to_decimal = converter(UUID), converter(Decimal)
    assert to_uuid is not None
    assert to_decimal is not None
    assert to_uuid(key.bytes) == key
    assert to_decimal(0.1) == Decimal("0.1")
    assert to_decimal(3) == Decimal(3)


@pytest.mark.parametrize("kind", [datetime, date, time, UUID, Decimal, Colour, Level])
def test_what_cannot_be_read_is_a_value_error(kind: type) -> None:
    convert = converter(kind)
    assert convert is not None
    with pytest.raises(ValueError, match=r"nonsense|badly formed"):
        convert("nonsense")


@pytest.mark.parametrize("annotation", [int, str, object, list[int], None, "datetime"])
def test_other_annotations_have_no_converter(annotation: object) -> None:
    assert converter(annotation) is None


def test_numpy_scalars_become_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    class generic:  # noqa: N801
        def __init__(self, value: Any) -> None:
            self.value = value

        def item(self) -> Any:
            return self.value

        def __int__(self) -> int:
            return int(self.value)

        def __float__(self) -> float:
            return float(self.value)

    names = ["bool_", "datetime64", "integer", "floating"]
    kinds: dict[str, Any] = {name: type(name, (generic,), {}) for name in names}
    kinds |= {"timedelta64": type("timedelta64", (kinds["integer"],), {}), "generic": generic}
    monkeypatch.setitem(sys.modules, "numpy", types.SimpleNamespace(**kinds))
    assert adapt(kinds["bool_"](True)) == 1
    assert adapt(kinds["integer"](7)) == 7
    assert adapt(kinds["floating"](0.5)) == 0.5
    assert adapt(kinds["datetime64"](datetime(2026, 1, 31))) == "2026-01-31 00:00:00"
    for refused in (kinds["datetime64"](10**18), kinds["timedelta64"](1), generic(1j)):
        with pytest.raises(TypeError, match="cannot be stored"):
            adapt(refused)

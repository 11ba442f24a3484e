"""What Python values become in SQLite, and how they come back: explicit, without a registry.

| Python                                    | SQLite                                              |
|-------------------------------------------|-----------------------------------------------------|
| None, int, float, str, bytes              | as they are (an int has 64 bits)                    |
| bool                                      | INTEGER 0 or 1                                      |
| bytearray, memoryview, any other buffer   | BLOB                                                |
| datetime                                  | TEXT, aware ones in UTC: `2026-01-31 12:00:00+00:00`|
| date, time                                | TEXT, ISO 8601                                      |
| UUID, Decimal (NaN and Infinity too)      | TEXT; a Decimal keeps its digits in a TEXT column   |
| Enum                                      | its value, by this table                            |
| numpy scalar                              | INTEGER, FLOAT or TEXT                              |
"""

from __future__ import annotations

import sys
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Storable = None | int | float | str | bytes


def adapt(value: object) -> Storable:
    """Return what SQLite stores for `value`; TypeError where there is no adapter.

    `adapt(date(2026, 1, 31))` is `"2026-01-31"`.
    """
    return _adapter(type(value))(value)


def converter(annotation: object) -> Callable[[Any], Any] | None:
    """Return what turns a stored value back into `annotation`, or None where nothing is known.

    A converter raises ValueError for what it cannot read. `converter(date)("2026-01-31")`.
    """
    if not isinstance(annotation, type):
        return None
    kind: type[Any] = annotation
    if is_kind(kind, "enum", "Enum"):
        return _enum_converter(kind)
    if kind.__module__ == "datetime" and kind.__name__ in ("datetime", "date", "time"):
        return kind.fromisoformat
    for name, convert in _CONVERTERS.items():
        module, _, attribute = name.partition(".")
        if kind is getattr(sys.modules.get(module), attribute, None):
            return lambda value: convert(kind, value)
    return None


def is_kind(kind: type, module: str, name: str) -> bool:
    """Tell whether `kind` is a subclass of `module.name`, without importing the module."""
    # A module that nobody imported cannot have made the value.
    base = getattr(sys.modules.get(module), name, None)
    return isinstance(base, type) and issubclass(kind, base)


@lru_cache(maxsize=256)
def _adapter(kind: type) -> Callable[[Any], Storable]:
    for module, name, adapter in _ADAPTERS:
        if is_kind(kind, module, name):
            return adapter
    return _buffer if kind is not type(None) else lambda _: None


def _datetime(value: Any) -> str | None:
    # pandas' NaT passes for a datetime; it is the one that does not equal itself.
    if value != value:
        return None
    if value.utcoffset() is not None:
        try:
            value = value.astimezone(sys.modules["datetime"].UTC)
        except OverflowError as error:
            raise TypeError(
                "the datetime cannot be stored; in UTC it has no year 1 to 9999"
            ) from error
    return value.isoformat(sep=" ")


def _numpy_datetime(value: Any) -> Storable:
    # Nanoseconds do not fit a datetime: numpy gives a bare count.
    if isinstance(plain := value.item(), int):
        raise TypeError("nanoseconds cannot be stored; use astype('datetime64[us]')")
    return adapt(plain)


def _buffer(value: Any) -> bytes:
    try:
        view = memoryview(value)
    except (TypeError, ValueError, BufferError):
        return _refuse(value)
    # The bytes of an array of objects are addresses.
    return _refuse(value) if "O" in (view.format or "") else view.tobytes()


def _refuse(value: object) -> Any:
    name = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    advice = "convert it first, for example with json.dumps(), str() or total_seconds()"
    raise TypeError(f"values of type {name} cannot be stored; {advice}")


def _decimal(kind: Any, value: str | int | float) -> Any:
    try:
        # By its shortest text, as Decimal(0.1) has 55 digits.
        return kind(repr(value) if isinstance(value, float) else value)
    except ArithmeticError as error:
        raise ValueError(f"{value!r} is not a decimal number") from error


def _enum_converter(kind: Any) -> Callable[[Any], Any]:
    members: dict[Storable, Any] = {}
    for member in kind.__members__.values():
        try:
            members[adapt(member.value)] = member
        except TypeError:
            continue

    def convert(value: Any) -> Any:
        # Flags and _missing_ know values that no member has.
        return members[value] if value in members else kind(value)

    return convert


_CONVERTERS: dict[str, Callable[[Any, Any], Any]] = {
    "uuid.UUID": lambda kind, value: kind(**{"bytes" if type(value) is bytes else "hex": value}),
    "decimal.Decimal": _decimal,
}

# In order: an Enum may be an int, a datetime is a date, numpy's timedelta64 is an integer to it.
_ADAPTERS: tuple[tuple[str, str, Callable[[Any], Storable]], ...] = (
    ("enum", "Enum", lambda value: adapt(value.value)),
    ("builtins", "int", int.__int__),
    ("builtins", "float", float.__float__),
    ("builtins", "str", str.__str__),
    ("builtins", "bytes", bytes.__bytes__),
    ("datetime", "datetime", _datetime),
    ("datetime", "date", lambda value: value.isoformat()),
    ("datetime", "time", lambda value: value.isoformat()),
    ("uuid", "UUID", str),
    ("decimal", "Decimal", str),
    ("numpy", "bool_", int),
    ("numpy", "datetime64", _numpy_datetime),
    ("numpy", "timedelta64", _refuse),
    ("numpy", "integer", int),
    ("numpy", "floating", float),
    ("numpy", "generic", _refuse),
)

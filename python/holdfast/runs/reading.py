"""Reading rows whatever they hold, also text that is not UTF-8."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import Snapshot, Transaction
from ..database import Database
from ..errors import DataError

Source = Database | Transaction | Snapshot


class Garbled(bytes):
    """The bytes of a text that is not UTF-8."""


def fetch(
    source: Source, columns: Sequence[str], rest: str, parameters: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """Read rows of `select columns rest`; text that is not UTF-8 as `Garbled`."""
    try:
        return source.fetch_all(f"select {', '.join(columns)} {rest}", parameters)
    except DataError:
        apart = ", ".join(
            f"typeof({column}), case typeof({column}) when 'text' then cast({column} as blob) "
            f"else {column} end"
            for column in columns
        )
        rows = source.fetch_all(f"select {apart} {rest}", parameters)
        return [tuple(map(_value, row[::2], row[1::2])) for row in rows]


def _value(kind: str, value: Any) -> Any:
    if kind != "text":
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return Garbled(value)


def quoted(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'

"""How far a file has come from the old schema to the new one: rows that every process reads."""

from __future__ import annotations

from enum import StrEnum

from .. import Transaction
from ..errors import DataError
from .reading import Source


class Phase(StrEnum):
    """Which tables are written: both, or since the cutover the new ones alone."""

    DUAL = "dual"
    CUTOVER = "cutover"


def phase(source: Source) -> Phase | None:
    """Read the phase; None where the old tables alone are in use.

    Whoever writes reads it in the transaction that writes: another process may change it.
    """
    found = get(source, "phase")
    try:
        return None if found is None else Phase(found)
    except ValueError:
        raise DataError(f"the phase of the runs is {found!r}: a newer holdfast wrote it") from None


def get(source: Source, name: str) -> str | None:
    """Read a value; None where none was put."""
    return source.fetch_value("select value from run_state where name = ?", [name])


def number(source: Source, name: str) -> int:
    """Read a value that is a number; 0 where none was put."""
    return int(get(source, name) or 0)


def put(tx: Transaction, name: str, value: str | int) -> None:
    """Write a value."""
    tx.execute(
        "insert into run_state(name, value) values (?, ?) "
        "on conflict(name) do update set value = excluded.value",
        [name, str(value)],
    )


def forget(tx: Transaction, name: str) -> None:
    """Delete a value."""
    tx.execute("delete from run_state where name = ?", [name])

"""How far a file has come from the old schema to the new one: rows that every process reads."""

from __future__ import annotations

from enum import StrEnum

from .. import Transaction
from ..errors import DataError
from .legacy import Source


class State(StrEnum):
    """Which tables are written and read.

    LEGACY: others write the old ones. DUAL: a DualWriter writes both. CUTOVER: the old ones are
    read-only, and all is in the new ones.
    """

    LEGACY = "legacy"
    DUAL = "dual"
    CUTOVER = "cutover"


def state_of(source: Source) -> State:
    """Read the state. Whoever writes reads it in the transaction that writes."""
    found = read(source, "state")
    if found is None:
        return State.LEGACY
    try:
        return State(found)
    except ValueError:
        raise DataError(f"the state of the runs is {found!r}: a newer holdfast wrote it") from None


def read(source: Source, name: str) -> str | None:
    """Read a row; None where it was never written."""
    return source.fetch_value("select value from run_state where name = ?", [name])


def write(tx: Transaction, name: str, value: str) -> None:
    """Write a row."""
    tx.execute(
        "insert into run_state(name, value) values (?, ?) "
        "on conflict(name) do update set value = excluded.value where value <> excluded.value",
        [name, value],
    )


def forget(tx: Transaction, name: str) -> None:
    """Delete a row."""
    tx.execute("delete from run_state where name = ?", [name])

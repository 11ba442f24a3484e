"""One transaction of a backfill: a few rows, and how far it has come with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .. import Transaction
from . import state
from .errors import RunPhaseError, UnmappableError
from .legacy import Layout
from .mapping import map_row
from .pending import TABLES, Candidate, is_copied
from .reading import Source
from .slots import Places
from .times import now


class Unmapped(NamedTuple):
    """A row of the old schema that the new one cannot hold, and why."""

    table: str
    id: int
    reason: str


class Portion(NamedTuple):
    """What was done with some rows."""

    copied: int
    runs: int
    unmapped: tuple[Unmapped, ...]


def position(source: Source, table: str) -> int:
    """The greatest id up to which a backfill has come in a table."""
    return state.number(source, f"backfill.{table}")


def check_phase(source: Source) -> None:
    """Raise RunPhaseError after the cutover."""
    if state.phase(source) is state.Phase.CUTOVER:
        raise RunPhaseError(
            "the new tables are what counts since the cutover, and rows that were deleted there "
            "would come back: undo the cutover first"
        )


def copy(tx: Transaction, table: Layout, wanted: Sequence[Candidate]) -> Portion:
    """Copy rows, record those that cannot be, and keep the position. Raises RunPhaseError."""
    check_phase(tx)
    newest = tx.fetch_value("select max(id) from consensus_runs") or 0
    copied = recorded = 0
    places: Places = {}
    unmapped: list[Unmapped] = []
    for each in wanted:
        if is_copied(tx, table.table, each.id):
            # A DualWriter or another backfill was faster.
            continue
        there, reason = _copy_row(tx, table, each.id, places)
        if reason is not None:
            unmapped.append(Unmapped(table.table, each.id, reason))
            if reason != each.reason:
                _record_unmapped(tx, table.table, each.id, reason)
                recorded += 1
        elif there:
            copied += 1
            if each.reason is not None:
                _forget_unmapped(tx, table.table, each.id)
    if copied or recorded:
        _put_position(tx, table.table, wanted[-1].id)
        state.forget(tx, "backfilled")
    runs = tx.fetch_value("select count(*) from consensus_runs where id > ?", [newest])
    return Portion(copied, runs, tuple(unmapped))


def _copy_row(
    tx: Transaction, table: Layout, number: int, places: Places
) -> tuple[bool, str | None]:
    """Copy a row: whether it is there, and why it cannot be copied."""
    row = table.one(tx, number)
    if row is None:
        return False, None
    try:
        map_row(tx, row, places=places)
    except UnmappableError as error:
        return True, str(error)
    except OverflowError:
        return True, f"row {number} of {table.table}: its run would be after the last of all times"
    return True, None


def finish(tx: Transaction) -> None:
    """Note that a backfill has come to its end."""
    for table in TABLES:
        _put_position(tx, table, state.number(tx, f"mark.{table}"))
        tx.execute(
            "delete from run_unmapped where legacy_table = ? and not exists "
            f"(select 1 from {table} t where t.id = legacy_id)",
            [table],
        )
    state.put(tx, "backfilled", now())


def is_finished(source: Source) -> bool:
    """Whether a backfill has come to its end, and none has copied since."""
    return state.get(source, "backfilled") is not None


def _put_position(tx: Transaction, table: str, number: int) -> None:
    if number > position(tx, table):
        state.put(tx, f"backfill.{table}", number)


def _record_unmapped(tx: Transaction, table: str, legacy_id: int, reason: str) -> None:
    tx.execute(
        "insert into run_unmapped(legacy_table, legacy_id, reason, found_at) values (?, ?, ?, ?) "
        "on conflict(legacy_table, legacy_id) do update set reason = excluded.reason",
        [table, legacy_id, reason, now()],
    )


def _forget_unmapped(tx: Transaction, table: str, number: int) -> None:
    tx.execute("delete from run_unmapped where legacy_table = ? and legacy_id = ?", [table, number])

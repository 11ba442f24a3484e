"""From the new tables to the old ones: what was written since a cutover, when that is undone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .. import Transaction
from ..errors import IntegrityError
from . import legacy, state
from .errors import UnmappableError
from .legacy import SYNTHESES, LegacyRow
from .mapping import NATIVE, artifact_from, output_of, synthesis_from
from .pending import TABLES, uncopied
from .reading import fetch, quoted
from .sides import OUTPUT, RUN

#: Rows that are read at once.
ROWS = 200
#: The columns of an output `o` and its run `r`.
_BOTH = [*(f"o.{name}" for name in OUTPUT), *(f"r.{name}" for name in RUN)]


class WrittenBack(NamedTuple):
    """How many rows the old tables were given, lost, and cannot hold."""

    artifacts: int
    syntheses: int
    deleted: int
    kept: int


def write_back(tx: Transaction, *, delete: bool) -> WrittenBack:
    """Bring the old tables to what the new ones have, and note that both have it.

    An output that is no artifact yet becomes one, and gets its id. With `delete`, old rows go
    whose counterparts were deleted.
    """
    deleted = sum(_delete(tx, table) for table in TABLES) if delete else 0
    artifacts = [_artifact(tx, output, run) for output, run in _outputs(tx)]
    syntheses = [_synthesis(tx, run) for run in _runs(tx)]
    kept = artifacts.count(False) + syntheses.count(False)
    return WrittenBack(artifacts.count(True), syntheses.count(True), deleted, kept)


def output(tx: Transaction, number: int) -> bool:
    """Write an output that is no artifact to the old table; False if this cannot hold it."""
    rest = "from agent_outputs o join consensus_runs r on r.id = o.run_id where o.id = ?"
    return all(_artifact(tx, *_pair(row)) for row in fetch(tx, _BOTH, rest, [number]))


def _delete(tx: Transaction, table: str) -> int:
    return tx.execute(
        f"delete from {table} where id in (select t.id from {table} t where {uncopied(table)} "
        "and not exists (select 1 from run_unmapped u "
        "where u.legacy_table = ? and u.legacy_id = t.id))",
        [table],
    )


def _outputs(tx: Transaction) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Outputs that are no artifacts, from after both schemas began to be written."""
    after = state.number(tx, "mark.outputs") or NATIVE
    rest = (
        "from agent_outputs o join consensus_runs r on r.id = o.run_id "
        "where o.id > ? order by o.id limit ?"
    )
    while rows := fetch(tx, _BOTH, rest, [after, ROWS]):
        yield from map(_pair, rows)
        after = rows[-1][0]


def _pair(row: tuple[Any, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    return dict(zip(OUTPUT, row, strict=False)), dict(zip(RUN, row[len(OUTPUT) :], strict=True))


def _runs(tx: Transaction) -> Iterator[dict[str, Any]]:
    """Runs that have a synthesis which the old table has not."""
    mark, after = state.number(tx, "mark.runs"), 0
    rest = (
        "from consensus_runs r where r.id > ? and case when r.legacy_synthesis_id is null "
        "then r.id > ? and r.synthesis_json is not null else not exists "
        f"(select 1 from {SYNTHESES} s where s.id = r.legacy_synthesis_id) end "
        "order by r.id limit ?"
    )
    while rows := fetch(tx, [f"r.{name}" for name in RUN], rest, [after, mark, ROWS]):
        yield from (dict(zip(RUN, row, strict=True)) for row in rows)
        after = rows[-1][0]


def _artifact(tx: Transaction, output: dict[str, Any], run: dict[str, Any]) -> bool:
    """Write an output to the old table; False for one that this cannot hold."""
    try:
        with tx.transaction() as part:
            row = _insert(part, artifact_from(output, run), None)
            mapped = output_of(row, output["model_version"])
            part.execute(
                "update agent_outputs set id = ?, legacy_json = ? where id = ?",
                [mapped.id, mapped.legacy_json, output["id"]],
            )
    except (ValueError, UnmappableError, IntegrityError):
        return False
    return True


def _synthesis(tx: Transaction, run: dict[str, Any]) -> bool:
    try:
        with tx.transaction() as part:
            row = _insert(part, synthesis_from(run), run["legacy_synthesis_id"])
            part.execute(
                "update consensus_runs set legacy_synthesis_id = ? where id = ?",
                [row.id, run["id"]],
            )
    except (ValueError, UnmappableError, IntegrityError):
        return False
    return True


def _insert(tx: Transaction, row: LegacyRow, number: int | None) -> LegacyRow:
    """Insert a row into its old table, with a new id or an old one; as it is there."""
    values = {**row.by_name(), "id": number}
    names = ", ".join(map(quoted, values))
    marks = ", ".join("?" * len(values))
    added = tx.fetch_value(
        f"insert into {row.table}({names}) values ({marks}) returning id", list(values.values())
    )
    there = legacy.required(tx, row.table).one(tx, added)
    assert there is not None
    return there

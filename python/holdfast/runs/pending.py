"""What the old tables have and the new ones have not yet."""

from __future__ import annotations

from typing import NamedTuple

from .legacy import ARTIFACTS, COLUMNS, SYNTHESES
from .mapping import NATIVE
from .reading import Source

TABLES = (ARTIFACTS, SYNTHESES)

#: Whether the new tables have a row `t` of an old one.
_COPIED = {
    ARTIFACTS: f"(t.id < {NATIVE} and exists (select 1 from agent_outputs o where o.id = t.id))",
    SYNTHESES: "exists (select 1 from consensus_runs r where r.legacy_synthesis_id = t.id)",
}
_RECORDED = "(select reason from run_unmapped u where u.legacy_table = ? and u.legacy_id = t.id)"


def uncopied(table: str) -> str:
    """The test that the new tables have no row `t` of an old one."""
    return f"not {_COPIED[table]}"


class Candidate(NamedTuple):
    """A row that was not copied: its id, its bytes, and why if it is known that it cannot be."""

    id: int
    size: int
    reason: str | None


def candidates(source: Source, table: str, after: int, limit: int) -> list[Candidate]:
    """Find rows that were not copied, in the order of their ids."""
    size = " + ".join(f"coalesce(octet_length({name}), 0)" for name in COLUMNS[table])
    return source.fetch_all(
        f"select t.id, {size} as size, {_RECORDED} as reason from {table} t "
        f"where t.id > ? and {uncopied(table)} order by t.id limit ?",
        [table, after, limit],
        into=Candidate,
    )


def is_copied(source: Source, table: str, number: int) -> bool:
    """Whether the new tables have a row already."""
    return bool(
        source.fetch_value(f"select {_COPIED[table]} from (select ? as id) t", [number])
    )  # fmt: skip


class TableStatus(NamedTuple):
    """The rows of a table of the old schema.

    `copied` are those that the new tables have, `unmapped` those that they cannot hold, and
    `missing` the others.
    """

    rows: int
    copied: int
    unmapped: int
    missing: int


def count(source: Source, table: str) -> TableStatus:
    """Count the rows of a table of the old schema."""
    rows, copied, unmapped = source.fetch_all(
        f"select count(*), count(*) filter (where copied), "
        f"count(*) filter (where not copied and reason is not null) "
        f"from (select {_COPIED[table]} as copied, {_RECORDED} as reason from {table} t)",
        [table],
    )[0]
    return TableStatus(rows, copied, unmapped, rows - copied - unmapped)


def alone(source: Source) -> int:
    """How many rows of either schema the other has not, where none waits and none is unmapped.

    It counts alone, so that it takes milliseconds, and finds what no trigger tells: that REPLACE
    has removed a row of the old tables.
    """
    counts = source.fetch_all(
        f"select (select count(*) from {ARTIFACTS}), (select count(*) from agent_outputs) - "
        f"(select count(*) from agent_outputs where id >= {NATIVE}), "
        f"(select count(*) from {SYNTHESES}), "
        "(select count(*) from consensus_runs where legacy_synthesis_id is not null)"
    )[0]
    return abs(counts[0] - counts[1]) + abs(counts[2] - counts[3])


def is_stale(source: Source) -> bool:
    """Whether a row that could not be copied is no more."""
    gone = " or ".join(
        f"(legacy_table = '{table}' and not exists "
        f"(select 1 from {table} t where t.id = legacy_id))"
        for table in TABLES
    )
    return bool(source.fetch_value(f"select exists (select 1 from run_unmapped where {gone})"))

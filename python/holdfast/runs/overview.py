"""What there is to look at: how far each spec has come, and what of the old schema has not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from itertools import combinations
from typing import Any, NamedTuple

from .. import Snapshot
from ..database import Database
from ..errors import DataError
from .pending import TABLES
from .times import moment

#: Specs of a page, at most.
LIMIT = 1000


class StageState(NamedTuple):
    """A stage of a spec: how many runs it has had, and what the newest of them came to.

    `id`, `run_timestamp`, `consensus_ok`, `degraded` and `output_count` are those of that run.
    """

    stage: str
    runs: int
    id: int
    run_timestamp: datetime
    consensus_ok: bool | None
    degraded: bool
    output_count: int


class Spec(NamedTuple):
    """A spec with its stages, in the order in which their first runs were."""

    spec_id: str
    runs: int
    last: datetime
    stages: tuple[StageState, ...]


class SpecPage(NamedTuple):
    """Some specs, the one with the newest run first, and how many there are.

    `stages` are those that these specs have, in the order in which specs mostly go through them.
    """

    items: tuple[Spec, ...]
    total: int
    stages: tuple[str, ...]


_NEWEST = """
select spec_id, count(*), max(run_timestamp) from consensus_runs{where}
group by spec_id order by 3 desc, spec_id limit ? offset ?
"""
# The unique key of the table has all that is grouped by.
_STAGES = """
select r.spec_id, r.stage, s.runs, r.id, r.run_timestamp, r.consensus_ok, r.degraded,
    (select count(*) from agent_outputs o where o.run_id = r.id)
from (
    select spec_id, stage, count(*) as runs, min(run_timestamp) as first,
        max(run_timestamp) as newest
    from consensus_runs where spec_id in ({marks}) group by spec_id, stage
) s join consensus_runs r
    on r.spec_id = s.spec_id and r.stage = s.stage and r.run_timestamp = s.newest
order by s.first, r.id
"""


def specs(db: Database, *, text: str | None = None, limit: int = 50, offset: int = 0) -> SpecPage:
    """Read up to `limit` specs; with `text`, those that have it in their id, in whatever case.

    >>> from holdfast.runs import RunStore
    >>> _ = RunStore(db).upsert_consensus_run("SPEC-1", "plan", consensus_ok=True)
    >>> [(each.spec_id, [stage.stage for stage in each.stages]) for each in specs(db).items]
    [('SPEC-1', ['plan'])]
    """
    if type(limit) is not int or not 1 <= limit <= LIMIT:
        raise ValueError(f"limit is a number from 1 to {LIMIT}, not {limit!r}")
    if type(offset) is not int or not 0 <= offset < 2**62:
        raise ValueError(f"offset is a number from 0, not {offset!r}")
    where = " where instr(lower(spec_id), lower(?)) > 0" if text else ""
    values: list[Any] = [text] if text else []
    with db.snapshot() as snap:
        total: int = snap.fetch_value(
            f"select count(distinct spec_id) from consensus_runs{where}", values
        )
        rows = snap.fetch_all(_NEWEST.format(where=where), [*values, limit, offset])
        stages = _stages(snap, [spec_id for spec_id, *_ in rows])
    items = tuple(
        Spec(spec_id, runs, _moment(last, spec_id), tuple(stages[spec_id]))
        for spec_id, runs, last in rows
    )
    return SpecPage(items, total, _order(items))


def _stages(snap: Snapshot, spec_ids: list[str]) -> dict[str, list[StageState]]:
    found: dict[str, list[StageState]] = defaultdict(list)
    if not spec_ids:
        return found
    sql = _STAGES.format(marks=", ".join("?" * len(spec_ids)))
    for spec_id, stage, runs, run_id, at, ok, degraded, outputs in snap.fetch_all(sql, spec_ids):
        ok = None if ok is None else bool(ok)
        found[spec_id].append(
            StageState(stage, runs, run_id, _moment(at, spec_id), ok, bool(degraded), outputs)
        )
    return found


def _moment(text: object, spec_id: str) -> datetime:
    try:
        return moment(text)  # pyright: ignore[reportArgumentType]
    except (ValueError, TypeError):
        raise DataError(f"the time of a run of {spec_id!r} is none: {text!r}") from None


def _order(items: Iterable[Spec]) -> tuple[str, ...]:
    """The stages in the order of most specs: each after those that mostly come before it."""
    before: Counter[tuple[str, str]] = Counter()
    names: set[str] = set()
    for spec in items:
        on_the_way = [each.stage for each in spec.stages]
        names.update(on_the_way)
        before.update(combinations(on_the_way, 2))

    def after(stage: str) -> tuple[int, str]:
        return sum(before[other, stage] > before[stage, other] for other in names), stage

    return tuple(sorted(names, key=after))


class UnmappedRow(NamedTuple):
    """A row of the old schema that the new one cannot hold, and why; it stays where it is."""

    legacy_table: str
    legacy_id: int
    reason: str
    found_at: datetime


def has_old_tables(db: Database) -> bool:
    """Whether a file has tables of the old schema, in use or not.

    >>> has_old_tables(db)
    False
    """
    columns = "select count(*) from pragma_table_info(?)"
    return any(db.fetch_value(columns, [table]) for table in TABLES)


def unmapped(db: Database, limit: int = 50) -> tuple[UnmappedRow, ...]:
    """Read up to `limit` rows that could not be copied.

    >>> from holdfast.runs import RunStore
    >>> unmapped(RunStore(db).db)
    ()
    """
    rows = db.fetch_all(
        "select legacy_table, legacy_id, reason, found_at from run_unmapped "
        "order by legacy_table, legacy_id limit ?",
        [limit],
    )
    return tuple(
        UnmappedRow(table, number, reason, moment(found)) for table, number, reason, found in rows
    )

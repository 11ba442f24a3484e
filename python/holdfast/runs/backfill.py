"""Copying the rows of the old tables into the new ones, a few at a time, while others write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ..database import Database
from . import watch
from .attach import attach
from .errors import LegacySchemaError
from .legacy import ARTIFACTS, SYNTHESES, layout, required
from .pending import TABLES, Candidate, candidates, is_stale
from .portion import Portion, Unmapped, check_phase, copy, finish, is_finished
from .repair import repair as repair_open
from .sweep import BEGIN, Sweep
from .trial import copy_of

#: Rows, and bytes of them, that one transaction copies: it holds the lane for milliseconds.
ROWS, BYTES = 50, 500_000
#: Seconds between two transactions, for the processes that wait for their turn.
PAUSE = 0.002


class BackfillReport(NamedTuple):
    """What a backfill did, or would do (`dry_run`).

    `artifacts` and `syntheses` are the rows that it copied, `runs` the runs that it made for them,
    `unmapped` the rows that it could not copy, `repaired` the mismatches that are no more; `rows`
    are all that the old tables have.
    """

    rows: int
    artifacts: int
    syntheses: int
    runs: int
    unmapped: tuple[Unmapped, ...]
    repaired: int
    seconds: float
    dry_run: bool


def backfill(
    db: Database,
    *,
    repair: bool = False,
    dry_run: bool = False,
    progress: Callable[[int, int], object] = lambda _done, _total: None,
) -> BackfillReport:
    """Copy the rows of the old tables that the new ones have not, and report.

    Others may write meanwhile, and copy too: no row is copied twice. What one that was killed has
    copied stays, and the next one goes on. A row that cannot be copied stays where it is, with the
    reason in `run_unmapped`, and the rest goes on; the next backfill tries it again. `progress` is
    called with the rows that are done, and all; what it raises ends the backfill.

    `repair` compares all rows then, and brings the new tables to what the old ones have where they
    do not agree; both sides stay in `run_mismatches`. What only the new tables have is written to
    the old ones, unless it was there once. `dry_run` does all of it on a temporary copy.

    Raises LegacySchemaError where there are no old tables, RunPhaseError after a cutover.

    >>> from holdfast.runs import legacy
    >>> db.run(legacy.create)
    >>> row = {"spec_id": "SPEC-1", "stage": "plan", "agent_name": "claude", "content_json": "{}"}
    >>> _ = db.insert("consensus_artifacts", row)
    >>> backfill(db, dry_run=True).artifacts, backfill(db).artifacts, backfill(db).artifacts
    (1, 1, 0)
    """
    if dry_run:
        with copy_of(db) as copy:
            return backfill(copy, repair=repair, progress=progress)._replace(dry_run=True)
    began = time.monotonic()
    if all(layout(db, table) is None for table in TABLES):
        raise LegacySchemaError(
            f"there is no table {ARTIFACTS} and no {SYNTHESES}: there is nothing to copy from"
        )
    attach(db)
    check_phase(db)
    # A cutover that was killed has left it on; one that is at work begins anew.
    db.run(watch.end)
    rows = {table: db.fetch_value(f"select count(*) from {table}") for table in TABLES}
    total, before = sum(rows.values()), 0
    portions: dict[str, list[Portion]] = {table: [] for table in TABLES}
    for table in TABLES:
        for done, portion in _portions(db, table):
            portions[table].append(portion)
            progress(min(before + done, total), total)
        before += rows[table]
    if not is_finished(db) or is_stale(db):
        db.run(finish)
    repaired = 0
    if repair:
        Sweep(db).run()
        repaired = repair_open(db)
    progress(total, total)
    everything = [*portions[ARTIFACTS], *portions[SYNTHESES]]
    return BackfillReport(
        rows=total,
        artifacts=sum(portion.copied for portion in portions[ARTIFACTS]),
        syntheses=sum(portion.copied for portion in portions[SYNTHESES]),
        runs=sum(portion.runs for portion in everything),
        unmapped=tuple(each for portion in everything for each in portion.unmapped),
        repaired=repaired,
        seconds=time.monotonic() - began,
        dry_run=False,
    )


def _portions(db: Database, table: str) -> Iterator[tuple[int, Portion]]:
    """Copy a table; after each transaction, how many of its rows are done and what that one did."""
    found = required(db, table)
    upto, done = BEGIN, 0
    while some := _some(candidates(db, table, upto, ROWS)):
        portion = db.run(copy, found, some)
        between = f"select count(*) from {table} where id > ? and id <= ?"
        done += db.fetch_value(between, [upto, some[-1].id])
        upto = some[-1].id
        yield done, portion
        time.sleep(PAUSE)


def _some(found: Sequence[Candidate]) -> Sequence[Candidate]:
    """The first rows, as many as one transaction takes, and one at least."""
    size = 0
    for count, each in enumerate(found):
        size += each.size
        if count and size > BYTES:
            return found[:count]
    return found

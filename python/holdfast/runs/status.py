"""How far a file has come from the old schema to the new one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from ..database import Database
from . import mismatches, state
from .legacy import layout
from .pending import TABLES, TableStatus, count
from .state import Phase
from .statements import COMPONENT
from .sweep import SweepReport, last
from .times import moment

#: What is to be done next on the way from the old schema to the new one.
Step = Literal["backfill", "mend", "repair", "verify", "cutover"]


class RunsStatus(NamedTuple):
    """How far a file has come.

    `phase` is None before the first backfill or DualWriter. `tables` has those of the old schema
    that there are. `backfilled_at` is when a backfill came to its end, unless one has begun to copy
    since; `verified` is the last comparison of everything. `mismatches` are those that are open.

    `next` is what is to be done: "backfill" copies what is missing; "mend" the rows that cannot be
    copied, or delete them, and backfill; "repair" is a backfill that repairs; "verify" and
    "cutover" are as they say. None where there is nothing to do.
    """

    phase: Phase | None
    tables: Mapping[str, TableStatus]
    runs: int
    outputs: int
    mismatches: int
    backfilled_at: datetime | None
    verified: SweepReport | None
    cutover_at: datetime | None
    next: Step | None


def status(db: Database) -> RunsStatus:
    """Read how far a file has come; one that was opened to read only too. Nothing is made.

    >>> from holdfast.runs import DualWriter
    >>> _ = DualWriter(db).store_artifact("SPEC-1", "plan", "claude", "{}")
    >>> found = status(db)
    >>> found.phase, found.tables["consensus_artifacts"].copied, found.next
    (<Phase.DUAL: 'dual'>, 1, 'verify')
    """
    has_runs = db.schema_version(COMPONENT) > 0
    with db.snapshot() as snap:
        names = [table for table in TABLES if layout(snap, table) is not None]
        if not has_runs:
            rows = {name: snap.fetch_value(f"select count(*) from {name}") for name in names}
            tables = {name: TableStatus(rows[name], 0, 0, rows[name]) for name in names}
            first = "backfill" if tables else None
            return RunsStatus(None, tables, 0, 0, 0, None, None, None, first)
        phase = state.phase(snap)
        tables = {name: count(snap, name) for name in names}
        found = mismatches.count(snap)
        verified = last(snap)
        backfilled = state.get(snap, "backfilled")
        cut_over = json.loads(state.get(snap, "cutover") or "{}").get("at")
        return RunsStatus(
            phase,
            tables,
            snap.fetch_value("select count(*) from consensus_runs"),
            snap.fetch_value("select count(*) from agent_outputs"),
            found,
            None if backfilled is None else moment(backfilled),
            verified,
            None if cut_over is None else moment(cut_over),
            _next(phase, tables, found, verified),
        )


def _next(
    phase: Phase | None,
    tables: Mapping[str, TableStatus],
    found: int,
    verified: SweepReport | None,
) -> Step | None:
    if phase is Phase.CUTOVER or not tables:
        return None
    if phase is None or any(table.missing for table in tables.values()):
        return "backfill"
    if any(table.unmapped for table in tables.values()):
        return "mend"
    if found:
        return "repair"
    return "verify" if verified is None else "cutover"

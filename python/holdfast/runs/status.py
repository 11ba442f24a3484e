"""How far a file has come from the old schema to the new one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from ..database import Database
from . import mismatches, state
from .legacy import layout
from .pending import TABLES, count
from .portion import position
from .state import Phase
from .statements import COMPONENT
from .sweep import SweepReport, last
from .times import moment


class TableStatus(NamedTuple):
    """The rows of a table of the old schema, and up to which id a backfill has come.

    `copied` are those that the new tables have, `unmapped` those that they cannot hold, `pending`
    the others.
    """

    rows: int
    copied: int
    unmapped: int
    pending: int
    position: int


class RunsStatus(NamedTuple):
    """How far a file has come.

    `phase` is None before the first backfill or DualWriter. `tables` has those of the old schema
    that there are. `backfilled_at` is when a backfill came to its end, unless one has begun to copy
    since; `verified` is the last comparison of everything. `mismatches` are those that are open.
    """

    phase: Phase | None
    tables: Mapping[str, TableStatus]
    runs: int
    outputs: int
    mismatches: int
    backfilled_at: datetime | None
    verified: SweepReport | None
    cutover_at: datetime | None


def status(db: Database) -> RunsStatus:
    """Read how far a file has come; one that was opened to read only too. Nothing is made.

    >>> from holdfast.runs import DualWriter
    >>> _ = DualWriter(db).store_artifact("SPEC-1", "plan", "claude", "{}")
    >>> found = status(db)
    >>> found.phase, found.tables["consensus_artifacts"].copied, found.outputs
    (<Phase.DUAL: 'dual'>, 1, 1)
    """
    is_new = db.schema_version(COMPONENT) > 0
    with db.snapshot() as snap:
        names = [table for table in TABLES if layout(snap, table) is not None]
        if not is_new:
            rows = {name: snap.fetch_value(f"select count(*) from {name}") for name in names}
            tables = {name: TableStatus(rows[name], 0, 0, rows[name], 0) for name in names}
            return RunsStatus(None, tables, 0, 0, 0, None, None, None)
        backfilled = state.get(snap, "backfilled")
        cut_over = json.loads(state.get(snap, "cutover") or "{}").get("at")
        return RunsStatus(
            state.phase(snap),
            {name: TableStatus(*count(snap, name), position(snap, name)) for name in names},
            snap.fetch_value("select count(*) from consensus_runs"),
            snap.fetch_value("select count(*) from agent_outputs"),
            mismatches.count(snap),
            None if backfilled is None else moment(backfilled),
            last(snap),
            None if cut_over is None else moment(cut_over),
        )

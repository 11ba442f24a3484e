"""The log of syncs, to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..database import Database
from .front_matter import EPOCH, moment
from .models import SyncRun

_COLUMNS = (
    "id, sync_type, status, started_at, completed_at, scanned, added, updated, removed, unchanged, "
    "errors, detail"
)


def runs(db: Database, limit: int, is_running: Callable[[], bool]) -> tuple[SyncRun, ...]:
    """Read the newest lines first; one that was never ended, and does not run, was interrupted."""
    if not isinstance(limit, int) or not 1 <= limit <= 1000:
        raise ValueError(f"limit is a number from 1 to 1000, not {limit!r}")
    rows = db.fetch_all(f"select {_COLUMNS} from sync_log order by id desc limit ?", [limit])
    found = [_run(row) for row in rows]
    if any(run.status == "running" for run in found) and not is_running():
        found = [
            run._replace(status="interrupted") if run.status == "running" else run for run in found
        ]
    return tuple(found)


def last_sync(db: Database) -> SyncRun | None:
    """Read the last sync that was completed."""
    row = db.fetch_one(
        f"select {_COLUMNS} from sync_log where status = 'completed' order by id desc limit 1"
    )
    return None if row is None else _run(row)


def _run(row: tuple[Any, ...]) -> SyncRun:
    number, mode, status, started, completed, *others = row
    begun = moment(started) or EPOCH
    return SyncRun._make((number, mode, status, begun, moment(completed), *others))

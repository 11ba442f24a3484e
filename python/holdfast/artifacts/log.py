"""The log of syncs: a line for each, from its beginning on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import Snapshot, Transaction
from ..database import Database
from .front_matter import EPOCH, moment, stamp
from .models import Mode, SyncRun, SyncStatus

_COLUMNS = (
    "id, sync_type, status, started_at, completed_at, scanned, added, updated, removed, unchanged, "
    "errors, detail"
)


def begin(tx: Transaction, mode: Mode, root: Path) -> int:
    """Begin a line; those that were never ended were interrupted."""
    tx.execute(
        "update sync_log set status = 'interrupted', completed_at = ? where status = 'running'",
        [_now()],
    )
    row = {"sync_type": mode, "root": str(root), "started_at": _now()}
    number = tx.insert("sync_log", row)
    assert number is not None
    return number


def write(
    tx: Transaction, number: int, counts: dict[str, int], status: SyncStatus, detail: str | None
) -> None:
    """Bring a line up to date."""
    completed = None if status == "running" else _now()
    row = {"id": number, **counts, "status": status, "completed_at": completed, "detail": detail}
    columns = ", ".join(f"{name} = :{name}" for name in row if name != "id")
    tx.execute(f"update sync_log set {columns} where id = :id", row)


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


def last_sync(source: Database | Snapshot) -> SyncRun | None:
    """Read the last sync that was completed."""
    row = source.fetch_one(
        f"select {_COLUMNS} from sync_log where status = 'completed' order by id desc limit 1"
    )
    return None if row is None else _run(row)


def last_root(db: Database, before: int) -> str | None:
    """Read which folder the last sync was of, before the one that has this line."""
    return db.fetch_value(
        "select root from sync_log where id <> ? order by id desc limit 1", [before]
    )


def _now() -> str:
    return stamp(datetime.now(UTC))


def _run(row: tuple[Any, ...]) -> SyncRun:
    number, mode, status, started, completed, *others = row
    begun = moment(started) or EPOCH
    return SyncRun._make((number, mode, status, begun, moment(completed), *others))

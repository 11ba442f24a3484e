"""Endpoints about the database: statistics, vacuum, backup, health."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response

from ..artifacts import Facets, IndexStats
from ..errors import Error
from ..history import HistoryStatus
from ..jobs import JobManager
from ..upkeep import vacuum_in_cycles
from .answers import Answer, ready
from .problems import Problem, Refused
from .service import Service
from .watcher import Watcher

#: Pages that are given back before others may write again.
CYCLE = 200
#: Seconds that a button waits for a busy database, and a look at its health.
PATIENCE, GLANCE = 5.0, 1.0


def add(router: APIRouter, service: Service, watcher: Watcher) -> None:
    """Add the endpoints."""
    backing_up = threading.Lock()

    @router.get("/api/v1/database/stats")
    def stats() -> Response:
        """Tell how the database is doing, and how it was in the last minutes."""
        now = watcher.now()
        return Answer(
            {
                **now,
                "pragmas": service.hide(service.db.pragmas()),
                "schema": service.schema_versions(),
                "read_only": service.read_only,
                "index": _of_index(service) if service.has_index else None,
                "prompts": _of(service, lambda: service.history.get_statistics())
                if service.has_history
                else None,
                "runs": _of(service, lambda: service.runs.stats()) if service.has_runs else None,
                "backup": _last_backup(service),
                "samples": watcher.samples.recent(),
            }
        )

    @router.post("/api/v1/database/vacuum")
    def vacuum() -> Response:
        """Give all free pages back to the file system, in short cycles beside other writers."""
        mode = service.db.pragmas()["auto_vacuum"]
        if mode != "incremental":
            raise Refused(
                409,
                f"the file was made with auto_vacuum {mode}, so its pages cannot be freed a few "
                "at a time: run `holdfast vacuum --full` once, while nobody needs to write",
            )
        found = vacuum_in_cycles(
            service.db, CYCLE, timeout=PATIENCE, go_on=lambda _: not service.is_ending
        )
        return Answer(found)

    @router.post("/api/v1/database/backup", status_code=201)
    def backup() -> Response:
        """Make a verified copy in the directory of backups, while others read and write."""
        with _one_at_a_time(backing_up):
            return Answer(_backup(service, watcher), 201)

    @router.get("/health")
    def health() -> Response:
        """Tell whether the database can be read, and whether what works on it can write."""
        begun = time.perf_counter()
        try:
            service.db.fetch_value("select count(*) from sqlite_schema", timeout=GLANCE)
        except Error as error:
            detail = f"the database cannot be read: {type(error).__name__}"
            return Problem(503, detail, {"Retry-After": "5"})
        reasons: list[str] = []
        if service.has_jobs and isinstance(service.jobs, JobManager):
            found = service.jobs.health()
            if not found.saving:
                reasons.append("jobs are kept in memory: the database cannot be written")
            if found.stray:
                reasons.append("jobs that were given up have not ended")
            if service.jobs.closed:
                reasons.append("the jobs are shut down")
        history = service.history_health
        if history is not None and history.status is HistoryStatus.DEGRADED:
            reasons.append("the history of prompts is degraded: not all records are written")
        return Answer(
            {
                "status": "degraded" if reasons else "ok",
                "reasons": reasons,
                "seconds": round(time.perf_counter() - begun, 6),
            }
        )


@contextmanager
def _one_at_a_time(lock: threading.Lock) -> Generator[None]:
    if not lock.acquire(blocking=False):
        raise Refused(409, "a backup is being made")
    try:
        yield
    finally:
        lock.release()


def _of_index(service: Service) -> dict[str, Any]:
    try:
        return {**service.hide(service.index.stats()), "error": None}
    except (Error, Refused) as error:
        # It may have a database of its own, and this one be well.
        return {**ready(IndexStats(0, Facets(), 0, 0, None)), "error": service.hide(str(error))}


def _of(service: Service, read: Callable[[], Any]) -> dict[str, Any]:
    """What a store counts; that it cannot be read is no fault of this database."""
    try:
        return {**ready(read()), "error": None}
    except (Error, Refused) as error:
        return {"error": service.hide(str(error))}


class _Ended(Exception):
    """The server ends."""


def _backup(service: Service, watcher: Watcher) -> dict[str, Any]:
    def progress(done: int, total: int) -> None:
        if service.is_ending:
            raise _Ended
        watcher.tell("backup", {"done": done, "total": total})

    try:
        report = service.db.backup(_target(service), progress=progress)
    except _Ended:
        raise Refused(503, "the server ends; there is no backup") from None
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        detail = f"the backup cannot be written: {error.strerror}"
        raise Refused(507 if full else 503, detail) from error
    return {
        "name": report.path.name,
        "size": report.size,
        "pages": report.pages,
        "seconds": report.seconds,
        "ok": report.check.ok,
    }


def _target(service: Service) -> Path:
    folder = service.backup_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{service.db.path.stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    number = 1
    while (target := folder / f"{name}{f'-{number}' if number > 1 else ''}.db").exists():
        number += 1
    return target


def _last_backup(service: Service) -> dict[str, Any] | None:
    """The newest copy in the directory of backups, whoever made it."""
    try:
        found = [
            (entry.stat().st_mtime, entry.name, entry.stat().st_size)
            for entry in service.backup_dir.glob(f"{escape(service.db.path.stem)}-*.db")
        ]
    except OSError:
        return None
    if not found:
        return None
    at, name, size = max(found)
    return ready({"name": name, "at": at, "size": size})

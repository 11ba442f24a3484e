"""What is known of jobs, their progress and their snapshots. Times are UTC."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple


class JobState(StrEnum):
    """Where a job is; `docs/jobs.md` has the transitions."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def finished(self) -> bool:
        """Whether the job has ended; only `retry` brings it back."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class Progress(NamedTuple):
    """How far a job is: percent from 0 to 100, a phase, a short message."""

    percent: float | None = None
    phase: str | None = None
    message: str | None = None


class Job(NamedTuple):
    """A job as it was when it was read.

    `attempt` counts the starts, `failures` those that raised, `losses` those whose process died.
    `saved` is False while the database cannot be written and the job exists in memory alone.
    """

    id: int
    kind: str
    state: JobState
    created_at: datetime
    payload: Any = None
    owner: str | None = None
    dedupe_key: str | None = None
    priority: int = 0
    run_at: datetime | None = None
    attempt: int = 0
    failures: int = 0
    losses: int = 0
    started_at: datetime | None = None
    seen_at: datetime | None = None
    finished_at: datetime | None = None
    cancel_requested: bool = False
    progress: Progress = Progress()
    result: Any = None
    error: str | None = None
    saved: bool = True


class JobPage(NamedTuple):
    """Some jobs, the newest first, and the `cursor` for those that follow; None at the end."""

    items: tuple[Job, ...]
    cursor: int | None


class JobEvent(NamedTuple):
    """Something that happened to a job."""

    at: datetime
    event: str
    attempt: int
    detail: str | None


class Snapshot(NamedTuple):
    """A directory that a job has published; `size` is in bytes."""

    id: int
    name: str
    path: Path
    job_id: int
    created_at: datetime
    files: int
    size: int


class Health(NamedTuple):
    """How a manager is doing.

    `saving` is False while the database cannot be written; `unsaved` jobs and outcomes wait in
    memory for it. `lost` counts those that were given up, `stray` the threads whose job has timed
    out and that have not ended yet.
    """

    saving: bool
    unsaved: int
    lost: int
    running: int
    stray: int


#: The columns that `job_of` reads, in its order.
COLUMNS = (
    "id, kind, state, created_at, payload, owner, dedupe_key, priority, run_at, attempt, failures, "
    "losses, started_at, seen_at, finished_at, cancel_requested_at, percent, phase, message, "
    "result, error"
)


def job_of(row: tuple[Any, ...]) -> Job:
    """Make the job of a row of `COLUMNS`."""
    (
        job_id, kind, state, created_at, payload, owner, dedupe_key, priority, run_at, attempt,
        failures, losses, started_at, seen_at, finished_at, cancel_requested_at, percent, phase,
        message, result, error,
    ) = row  # fmt: skip
    return Job(
        job_id,
        kind,
        JobState(state),
        datetime.fromisoformat(created_at),
        loads(payload),
        owner,
        dedupe_key,
        priority,
        moment(run_at),
        attempt,
        failures,
        losses,
        moment(started_at),
        moment(seen_at),
        moment(finished_at),
        cancel_requested_at is not None,
        Progress(percent, phase, message),
        loads(result),
        error,
    )


def loads(text: str | None) -> Any:
    """Read stored JSON."""
    return None if text is None else json.loads(text)


def moment(text: str | None) -> datetime | None:
    """Read a stored time."""
    return None if text is None else datetime.fromisoformat(text)


def stamp(when: datetime) -> str:
    """Write a time in the one form that is stored: UTC, to the millisecond, sorting as text."""
    return when.astimezone(UTC).isoformat(" ", "milliseconds")


def now() -> str:
    """The current time as it is stored."""
    global _last
    # A busy worker asks many times in a millisecond.
    millisecond = time.time_ns() // 1_000_000
    if _last[0] != millisecond:
        _last = (millisecond, stamp(datetime.fromtimestamp(millisecond / 1000, UTC)))
    return _last[1]


_last = (0, "")

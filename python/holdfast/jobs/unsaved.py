"""What waits in memory while the database cannot be written: outcomes of starts, and whole jobs.

A job that is submitted meanwhile runs from here. Its id is negative and drawn at random, so that it
is still its own when the row can be written.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..database import Database
from ..errors import (
    DatabaseError,
    DataError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from .errors import QueueFullError
from .models import COLUMNS, Job, JobState, job_of, loads, now
from .store import PATIENCE, Claim, Outcome

_SAVE = """
insert into jobs (id, kind, queue, state, priority, owner, dedupe_key, payload, attempt, failures,
    holder, created_at, run_at, ready, started_at, seen_at, finished_at, cancel_requested_at, error)
values (:id, :kind, :queue, :state, :priority, :owner, :dedupe_key, :payload, :attempt, :failures,
    :holder, :created_at, :run_at, :ready, :started_at, :seen_at, :finished_at,
    :cancel_requested_at, :error)
on conflict do nothing
"""


def is_unavailable(error: BaseException) -> bool:
    """Whether the database cannot be used now: locked, full, read-only, damaged, or moved."""
    return isinstance(error, DatabaseError) and not isinstance(
        error, DataError | IntegrityError | NotSupportedError | ProgrammingError
    )


@dataclass(slots=True)
class _Entry:
    """A job without a row; `values` are those of its row."""

    values: dict[str, Any]
    not_before: float = 0.0
    saving: bool = False


class Unsaved:
    """The jobs and outcomes of one manager that are not in the database yet."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._jobs: dict[int, _Entry] = {}
        self._outcomes: dict[tuple[int, int], Outcome] = {}
        self.lost = 0

    def __len__(self) -> int:
        return len(self._jobs) + len(self._outcomes)

    # Jobs

    def submit(self, values: dict[str, Any], delay: float) -> int:
        """Accept a job to run from memory; its id, or that of one with the same dedupe key."""
        with self._lock:
            if values["dedupe_key"] is not None:
                for job_id, entry in self._jobs.items():
                    if all(entry.values[name] == values[name] for name in ("kind", "dedupe_key")):
                        return job_id
            if len(self._jobs) >= self._limit:
                raise QueueFullError(
                    f"the database cannot be written, and {self._limit} jobs wait in memory: "
                    "submit again later"
                )
            job_id = -random.getrandbits(53) - 1
            blank = dict.fromkeys(
                ("holder", "started_at", "finished_at", "cancel_requested_at", "error")
            )
            state = {"id": job_id, "state": "queued", "attempt": 0, "failures": 0}
            entry = _Entry({**values, **blank, **state, "seen_at": values["created_at"]})
            entry.not_before = time.monotonic() + delay
            self._jobs[job_id] = entry
            return job_id

    def start(self, queues: Collection[str], holder: int) -> Claim | None:
        """Start the most urgent job that is ready."""
        with self._lock:
            moment = time.monotonic()
            ready = [
                entry.values
                for entry in self._jobs.values()
                if entry.values["state"] == "queued"
                and not entry.saving
                and entry.not_before <= moment
                and entry.values["queue"] in queues
            ]
            if not ready:
                return None
            job = max(ready, key=lambda values: values["priority"])
            at = now()
            job.update(
                state="running",
                ready=None,
                attempt=job["attempt"] + 1,
                started_at=at,
                seen_at=at,
                holder=holder,
            )
            return Claim(*(job[name] for name in Claim._fields))

    def again(self, job_id: int, outcome: Outcome, delay: float) -> bool:
        """Queue a job without a row again; False for one that has its row."""
        with self._lock:
            entry = self._jobs.get(job_id)
            if entry is None or entry.saving:
                return False
            failed = outcome.error is not None
            entry.values.update(
                state="queued", ready=1, holder=None, failures=entry.values["failures"] + failed
            )
            entry.not_before = time.monotonic() + delay
            return True

    def cancel(self, job_id: int) -> bool:
        """Cancel a job without a row; False for one that has its row or is known to none."""
        with self._lock:
            entry = self._jobs.get(job_id)
            if entry is None or entry.saving:
                return False
            at = now()
            entry.values["cancel_requested_at"] = at
            if entry.values["state"] == "queued":
                entry.values.update(state="cancelled", ready=None, finished_at=at)
            return True

    def owns(self, job_id: int) -> bool:
        """Whether a job has no row yet."""
        return job_id in self._jobs

    def get(self, job_id: int) -> Job | None:
        """Return a job that has no row yet."""
        with self._lock:
            entry = self._jobs.get(job_id)
            if entry is None:
                return None
            row = {**dict.fromkeys(COLUMNS.split(", ")), "losses": 0, **entry.values}
        job = job_of(tuple(row[name] for name in COLUMNS.split(", ")))
        return self.as_known_here(job)._replace(saved=False)

    def save(self, db: Database, job_ids: Iterable[int] | None = None) -> None:
        """Write the rows of jobs, all by default; whatever the database raises leaves them here."""
        for job_id in list(self._jobs) if job_ids is None else job_ids:
            with self._lock:
                entry = self._jobs.get(job_id)
                if entry is None or entry.saving:
                    continue
                entry.saving = True
            try:
                db.execute(_SAVE, entry.values, timeout=PATIENCE)
            except BaseException:
                entry.saving = False
                raise
            with self._lock:
                del self._jobs[job_id]

    # Outcomes

    def put(self, job_id: int, attempt: int, outcome: Outcome) -> None:
        """Keep the outcome of a start until it is written."""
        with self._lock:
            self._outcomes[job_id, attempt] = outcome

    def take(self) -> dict[tuple[int, int], Outcome]:
        """Take the outcomes out whose jobs have rows; put back what cannot be written."""
        with self._lock:
            if not self._jobs:
                taken, self._outcomes = self._outcomes, {}
                return taken
            ready = [key for key in self._outcomes if key[0] not in self._jobs]
            return {key: self._outcomes.pop(key) for key in ready}

    def put_back(self, outcomes: dict[tuple[int, int], Outcome]) -> None:
        """Keep outcomes on that could not be written."""
        with self._lock:
            self._outcomes = {**outcomes, **self._outcomes}

    def as_known_here(self, job: Job) -> Job:
        """Return a job as it will be when its outcome is written."""
        outcome = self._outcomes.get((job.id, job.attempt))
        if outcome is None or job.state != JobState.RUNNING or outcome.state == "queued":
            return job
        state = JobState.CANCELLED if job.cancel_requested else JobState(outcome.state)
        result = loads(outcome.result) if state is JobState.SUCCEEDED else None
        return job._replace(
            state=state,
            result=result,
            error=outcome.error,
            finished_at=datetime.fromisoformat(outcome.at),
            saved=False,
        )

    def give_up(self) -> int:
        """Count what is left as lost, and return how much that is."""
        with self._lock:
            count = len(self)
            self.lost += count
            self._jobs, self._outcomes = {}, {}
            return count

"""What waits in memory while the database cannot be written: outcomes of starts, and whole jobs.

A job that is submitted meanwhile runs from here. Its id is negative and drawn at random, so that it
is still its own when the row can be written.
"""

from __future__ import annotations

import os
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
    OperationalError,
    ProgrammingError,
)
from .errors import QueueFullError
from .leases import own_queue
from .models import COLUMNS, Job, JobState, job_of, loads, now
from .store import BATCH, PATIENCE, Claim, Outcome

_SAVED = (
    "id", "kind", "queue", "state", "priority", "owner", "dedupe_key", "payload", "result", "error",
    "attempt", "failures", "holder", "created_at", "run_at", "ready", "started_at", "seen_at",
    "finished_at", "cancel_requested_at", "percent", "phase", "message",
)  # fmt: skip
#: The dedupe key is given up, never the job, where another one has it by now.
_SAVE = (
    f"insert into jobs ({', '.join(_SAVED)}) values ({', '.join(f':{name}' for name in _SAVED)})"
)


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
        #: Those that are being written, still to be seen.
        self._writing: dict[tuple[int, int], Outcome] = {}
        self.lost = 0

    def __len__(self) -> int:
        return len(self._jobs) + len(self._outcomes) + len(self._writing)

    # Jobs

    def submit(self, values: dict[str, Any], delay: float) -> int:
        """Accept a job to run from memory; its id, or that of one with the same dedupe key."""
        with self._lock:
            if values["dedupe_key"] is not None:
                for job_id, entry in self._jobs.items():
                    if self._is_active(entry) and all(
                        entry.values[name] == values[name] for name in ("kind", "dedupe_key")
                    ):
                        return job_id
            if len(self._jobs) >= self._limit:
                raise QueueFullError(
                    f"the database cannot be written, and {self._limit} jobs wait in memory: "
                    "submit again later"
                )
            # Not of `random`, which programs seed: two of them would draw the same.
            job_id = -(int.from_bytes(os.urandom(8)) >> 11) - 1
            state = {"id": job_id, "state": "queued", "attempt": 0, "failures": 0}
            entry = _Entry({**dict.fromkeys(_SAVED), **values, **state})
            entry.values["seen_at"] = values["created_at"]
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
            return Claim(*(job[name] for name in Claim._fields[:-1]))

    def again(self, job_id: int, outcome: Outcome, delay: float) -> bool:
        """Queue a job without a row again; False for one that has its row."""
        with self._lock:
            entry = self._jobs.get(job_id)
            if entry is None or entry.saving:
                return False
            failed = outcome.error is not None
            entry.values.update(
                state="queued",
                ready=0 if delay > 0 else 1,
                run_at=outcome.run_at,
                failures=entry.values["failures"] + failed,
            )
            entry.not_before = time.monotonic() + delay
            return True

    def cancel(self, job_id: int) -> bool:
        """Cancel a job without a row; False for one that has its row or is known to none."""
        with self._lock:
            entry = self._jobs.get(job_id)
            if entry is None or entry.saving:
                return False
            if not self._is_active(entry):
                return True
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

    def _is_active(self, entry: _Entry) -> bool:
        return _start(entry) not in self._outcomes and entry.values["state"] in (
            "queued",
            "running",
        )

    def save(
        self, db: Database, holder: int, job_ids: Iterable[int] | None = None
    ) -> list[tuple[int, int, Outcome]]:
        """Write the rows of jobs, all by default; the ends that were written with them.

        `holder` is who holds those that run. Whatever the database raises leaves them here.
        """
        ended: list[tuple[int, int, Outcome]] = []
        wanted = list(self._jobs) if job_ids is None else list(job_ids)
        for first in range(0, len(wanted), BATCH):
            ended += self._save(db, holder, wanted[first : first + BATCH])
        return ended

    def _save(
        self, db: Database, holder: int, job_ids: Iterable[int]
    ) -> list[tuple[int, int, Outcome]]:
        entries: list[_Entry] = []
        outcomes: dict[tuple[int, int], Outcome] = {}
        with self._lock:
            for job_id in job_ids:
                entry = self._jobs.get(job_id)
                if entry is None or entry.saving:
                    continue
                entry.saving = True
                entries.append(entry)
                if (outcome := self._outcomes.pop(_start(entry), None)) is not None:
                    outcomes[_start(entry)] = outcome
        if not entries:
            return []
        rows = [_row(entry.values, outcomes.get(_start(entry)), holder) for entry in entries]
        try:
            # One commit for all: a disk that is nearly full has no room for a log of many.
            with db.transaction(timeout=PATIENCE) as tx:
                if not tx.fetch_one("select 1 from job_holders where id = ?", [holder]):
                    # A row that runs for nobody would be taken over by nobody.
                    raise OperationalError("the manager holds no lease yet")
                for row in rows:
                    try:
                        tx.execute(_SAVE, row)
                    except IntegrityError:
                        tx.execute(_SAVE, {**row, "dedupe_key": None})
        except BaseException:
            with self._lock:
                for entry in entries:
                    entry.saving = False
                self._outcomes = {**outcomes, **self._outcomes}
            raise
        with self._lock:
            for entry in entries:
                del self._jobs[entry.values["id"]]
        states = {(row["id"], row["attempt"]): row["state"] for row in rows}
        return [(*key, each._replace(state=states[key])) for key, each in outcomes.items()]

    # Outcomes

    def put(self, job_id: int, attempt: int, outcome: Outcome) -> None:
        """Keep the outcome of a start until it is written."""
        with self._lock:
            self._outcomes[job_id, attempt] = outcome

    def take(self) -> dict[tuple[int, int], Outcome]:
        """Take the outcomes out whose jobs have rows; then say `written`, or put them back."""
        with self._lock:
            if not self._jobs:
                taken, self._outcomes = self._outcomes, {}
            else:
                ready = [key for key in self._outcomes if key[0] not in self._jobs]
                taken = {key: self._outcomes.pop(key) for key in ready}
            self._writing.update(taken)
            return taken

    def written(self, outcomes: Iterable[tuple[int, int]]) -> None:
        """Forget outcomes that were taken."""
        with self._lock:
            for start in outcomes:
                self._writing.pop(start, None)

    def put_back(self, outcomes: dict[tuple[int, int], Outcome]) -> None:
        """Keep outcomes on that could not be written."""
        with self._lock:
            for start in outcomes:
                self._writing.pop(start, None)
            self._outcomes = {**outcomes, **self._outcomes}

    def as_known_here(self, job: Job) -> Job:
        """Return a job as it will be when its outcome is written."""
        start = (job.id, job.attempt)
        outcome = self._outcomes.get(start) or self._writing.get(start)
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


def _start(entry: _Entry) -> tuple[int, int]:
    return entry.values["id"], entry.values["attempt"]


def _row(values: dict[str, Any], outcome: Outcome | None, holder: int) -> dict[str, Any]:
    """The row of a job, with how it has ended and who holds it."""
    row = dict(values)
    if row["queue"] != row["kind"]:
        row["queue"] = own_queue(holder)
    if outcome is not None:
        cancelled = row["cancel_requested_at"] is not None
        again = not cancelled and outcome.state == "queued"
        failed = outcome.error is not None and outcome.state in ("failed", "queued")
        row.update(
            state="cancelled" if cancelled else outcome.state,
            ready=(outcome.run_at is None) if again else None,
            run_at=outcome.run_at or row["run_at"],
            result=None if cancelled else outcome.result,
            error=outcome.error,
            failures=row["failures"] + failed,
            started_at=None if again else row["started_at"],
            seen_at=outcome.at,
            finished_at=None if again else outcome.at,
            **outcome.progress._asdict(),
        )
    row["holder"] = holder if row["state"] == "running" else None
    return row

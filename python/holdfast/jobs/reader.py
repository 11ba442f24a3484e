"""Looking at jobs: what they are, how far, and waiting for their end. Nothing is written."""

from __future__ import annotations

import asyncio
import builtins
import os
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from ..database import Database
from ..errors import PathError, TimeoutError
from .errors import JobFailedError
from .models import COLUMNS, Job, JobEvent, JobPage, JobState, Progress, Snapshot, job_of, stamp
from .signals import Signals
from .snapshots import Published
from .store import COMPONENT, read_job
from .workspace import Workspaces

#: Seconds between two looks at a job that another process runs.
POLL = 0.1
#: Jobs of a page, at most.
LIMIT = 1000


class JobReader:
    """The jobs of a database, to look at: also one that is open to read only.

    >>> from holdfast.jobs import JobManager
    >>> with JobManager(db) as jobs:
    ...     job = jobs.submit(lambda ctx, payload: 42)
    ...     JobReader(db).result(job.id)
    42
    """

    def __init__(self, db: Database, *, data_dir: str | os.PathLike[str] | None = None) -> None:
        if not isinstance(db, Database):
            raise TypeError(f"db is what holdfast.open returns, not {type(db).__name__}")
        root = db.path.parent if data_dir is None else Path(data_dir).resolve()
        if not db.path.resolve().is_relative_to(root.resolve()):
            raise PathError(f"the database {db.path.name!r} does not lie in the data directory")
        self._db = db
        # A database of the same name may lie in another directory below.
        name = db.path.resolve().relative_to(root.resolve()).as_posix().replace("/", "%")
        self._workspaces = Workspaces(root, name)
        self._published = Published(db, self._workspaces)
        self._signals = Signals()

    @property
    def db(self) -> Database:
        """The database that the jobs are in."""
        return self._db

    def is_ready(self, *, timeout: float | None = None) -> bool:
        """Whether the jobs have their tables: the first manager on the file makes them."""
        return self._db.schema_version(COMPONENT, timeout=timeout) > 0

    def get(self, job_id: int) -> Job:
        """Read a job. Raises UnknownJobError."""
        return read_job(self._db, job_id)

    def status(self, job_id: int) -> JobState:
        """Read the state of a job. Raises UnknownJobError."""
        return self.get(job_id).state

    def list(
        self,
        *,
        state: JobState | str | Iterable[JobState | str] = (),
        owner: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        limit: int = 50,
        cursor: int | None = None,
    ) -> JobPage:
        """Read up to `limit` jobs, the newest first; `cursor` is that of the page before.

        Those that were accepted in memory, whose ids are negative, come last.
        """
        if not 1 <= limit <= LIMIT:
            raise ValueError(f"limit is a number from 1 to {LIMIT}, not {limit!r}")
        if since is not None and getattr(since, "tzinfo", None) is None:
            raise ValueError(f"since is a datetime with a time zone, not {since!r}")
        states = [state] if isinstance(state, str) else state
        names = [JobState(each).value for each in states]
        tests: builtins.list[str] = []
        values: builtins.list[Any] = []
        if names:
            tests.append(f"state in ({', '.join('?' * len(names))})")
            values += names
        for test, value in (
            ("owner = ?", owner),
            ("kind = ?", kind),
            ("created_at >= ?", since and stamp(since)),
            ("id < ?", cursor),
        ):
            if value is not None:
                tests.append(test)
                values.append(value)
        where = f"where {' and '.join(tests)} " if tests else ""
        rows = self._db.fetch_all(
            f"select {COLUMNS} from jobs {where}order by id desc limit ?", [*values, limit + 1]
        )
        jobs = tuple(job_of(row) for row in rows[:limit])
        return JobPage(jobs, jobs[-1].id if len(rows) > limit else None)

    def counts(self) -> dict[JobState, int]:
        """Count the jobs in each state."""
        rows = self._db.fetch_all("select state, count(*) from jobs group by state")
        return dict.fromkeys(JobState, 0) | {JobState(state): count for state, count in rows}

    def events(self, job_id: int) -> tuple[JobEvent, ...]:
        """Read the history of a job, the oldest first."""
        rows = self._db.fetch_all(
            "select at, event, attempt, detail from job_history where job_id = ? "
            "order by attempt, event <> 'job_started', at, event = 'job_queued'",
            [job_id],
        )
        return tuple(JobEvent(datetime.fromisoformat(at), *others) for at, *others in rows)

    def requeued(
        self, mark: int | None = None, *, limit: int = LIMIT
    ) -> tuple[int, tuple[int, ...]]:
        """Tell which jobs were queued again since a mark, the latest first, and the next mark.

        They may have ended since. Without a mark there are none: one to begin with.
        """
        newest: int = self._db.fetch_value("select coalesce(max(id), 0) from job_events")
        if mark is None:
            return newest, ()
        rows = self._db.fetch_all(
            "select job_id, max(id) from job_events where id > ? and id <= ? "
            "group by job_id order by 2 desc limit ?",
            [mark, newest, limit],
        )
        return newest, tuple(job_id for job_id, _ in rows)

    def progress(self, job_id: int) -> Progress:
        """Tell how far a job is."""
        return self.get(job_id).progress

    def subscribe(self, job_id: int) -> Generator[Progress]:
        """Iterate over the progress of a job until it ends: the latest, a few times a second.

        Nothing is queued for a subscriber that is slow or never reads.
        """
        last = None
        for job in self._states(job_id, None):
            progress = job.progress if job.state.finished else self.progress(job_id)
            if progress != last:
                yield progress
            last = progress

    def wait(self, job_id: int, timeout: float | None = None) -> Job:
        """Wait until a job has ended. Raises TimeoutError after `timeout` seconds."""
        job = None
        for job in self._states(job_id, timeout):  # noqa: B007
            pass
        assert job is not None
        return job

    def result(self, job_id: int, timeout: float | None = None) -> Any:
        """Wait for the result of a job. Raises JobFailedError when it ends without one."""
        return _result_of(self.wait(job_id, timeout))

    def _is_settled(self, job: Job) -> bool:
        """Whether the end of a job may be told: it is in the database."""
        return job.saved

    def _heard(self, job_id: int, call: Callable[[], object]) -> AbstractContextManager[None]:
        return self._signals.heard(job_id, call)

    def _states(self, job_id: int, timeout: float | None) -> Generator[Job]:
        deadline = None if timeout is None else time.monotonic() + timeout
        changed = threading.Event()
        with self._heard(job_id, changed.set):
            while True:
                yield (job := self.get(job_id))
                if job.state.finished and self._is_settled(job):
                    return
                changed.wait(_pause(job, deadline, timeout))
                changed.clear()

    async def await_result(self, job_id: int, timeout: float | None = None) -> Any:
        """`result` for event loops."""
        deadline = None if timeout is None else time.monotonic() + timeout
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # The loop has just ended.
                loop.call_soon_threadsafe(changed.set)

        with self._heard(job_id, tell):
            while True:
                job = await asyncio.to_thread(self.get, job_id)
                if job.state.finished and self._is_settled(job):
                    return _result_of(job)
                pause = _pause(job, deadline, timeout)
                with suppress(builtins.TimeoutError):
                    async with asyncio.timeout(pause):
                        await changed.wait()
                changed.clear()

    def snapshots(self, name: str | None = None) -> tuple[Snapshot, ...]:
        """Read what was published, the newest first."""
        return self._published.all(name)

    def latest(self, name: str) -> Snapshot | None:
        """Read the newest snapshot of a name; None before the first."""
        return self._published.latest(name)

    def pinned(self, name: str) -> AbstractContextManager[Snapshot | None]:
        """Read the newest snapshot of a name, and keep its files for the length of a with block."""
        return self._published.pinned(name)


def _result_of(job: Job) -> Any:
    if job.state is JobState.SUCCEEDED:
        return job.result
    why = f": {job.error}" if job.error else ""
    raise JobFailedError(f"job {job.id} ({job.kind}) is {job.state}{why}")


def _pause(job: Job, deadline: float | None, timeout: float | None) -> float:
    if deadline is None:
        return POLL
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError(f"job {job.id} ({job.kind}) is still {job.state} after {timeout} s")
    return min(left, POLL)

"""What has changed since the last look: jobs, and the index."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from ..errors import Error
from ..jobs import Job, UnknownJobError
from .job_rows import live, row
from .problems import Refused
from .service import Service

#: Jobs that are followed together, at most, of those that run and of those that wait.
FOLLOWED = 200
#: Seconds between two looks, at least; and the share of the time that they may take.
EVERY, SHARE = 0.5, 0.1
_NEVER = object()

Change = tuple[str, object, Any]


class Changes:
    """Remembers what was seen."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._jobs: dict[int, Job] = {}
        self._newest: int | None = None
        self._mark: int | None = None
        self._sync: object = _NEVER
        self._next = 0.0
        self._anew = False

    def forget(self) -> None:
        """Have all that is active told again, to one who has just come."""
        self._anew = True

    def look(self) -> Iterator[Change]:
        """What has changed, as event, key and data."""
        if self._anew:
            self._anew = False
            self._jobs = {}
        elif time.monotonic() < self._next:
            return
        begun = time.monotonic()
        if self._service.has_jobs:
            yield from self._of_jobs()
        if self._service.has_index:
            yield from self._of_index()
        ended = time.monotonic()
        self._next = max(begun + EVERY, ended + (ended - begun) / SHARE)

    def _of_jobs(self) -> Iterator[Change]:
        jobs = self._service.jobs
        found: dict[int, Job] = {}
        for state in ("running", "queued"):
            page = jobs.list(state=state, limit=FOLLOWED)
            found |= {job.id: live(jobs, job) for job in page.items}
        # One that came and ended between two looks is told too.
        newest = jobs.list(limit=FOLLOWED).items
        if self._newest is not None:
            for job in newest:
                if job.id > self._newest:
                    found.setdefault(job.id, job)
        self._newest = max((job.id for job in newest), default=0)
        # So is an older one that was tried again and has ended.
        self._mark, again = jobs.requeued(self._mark, limit=FOLLOWED)
        before = self._jobs
        for job_id in (before.keys() | set(again)) - found.keys():
            try:
                found[job_id] = jobs.get(job_id)
            except UnknownJobError:
                continue
        self._jobs = {job_id: job for job_id, job in found.items() if not job.state.finished}
        for job_id, job in sorted(found.items()):
            if before.get(job_id) != job:
                yield "job", ("job", job_id), self._service.hide(row(job))

    def _of_index(self) -> Iterator[Change]:
        try:
            last = next(iter(self._service.index.log(limit=1)), None)
        except (Error, Refused):
            # The jobs are told all the same.
            return
        seen, self._sync = self._sync, last
        if last is not None and seen is not _NEVER and last != seen:
            yield "sync", "sync", self._service.hide(last)

"""Endpoints about jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from ..jobs import JobState
from .answers import Answer
from .job_rows import live, published, row
from .problems import Refused
from .service import Service

#: Rows of a page, at most.
MOST = 200
#: What SQLite can hold as an id.
LEAST, LARGEST = -(2**63), 2**63 - 1

Id = Annotated[int, Path(ge=LEAST, le=LARGEST)]
Limit = Annotated[int, Query(ge=1, le=MOST)]


def add(router: APIRouter, service: Service) -> None:
    """Add the endpoints."""

    @router.get("/api/v1/jobs")
    def jobs(
        state: Annotated[list[JobState] | None, Query()] = None,
        kind: str | None = None,
        owner: str | None = None,
        since: datetime | None = None,
        limit: Limit = 50,
        cursor: Annotated[int | None, Query(ge=LEAST, le=LARGEST)] = None,
    ) -> Response:
        """List jobs, the newest first."""
        page = service.jobs.list(
            state=state or (),
            kind=kind,
            owner=owner,
            since=aware(since),
            limit=limit,
            cursor=cursor,
        )
        items = [row(live(service.jobs, job)) for job in page.items]
        return Answer({"items": service.hide(items), "cursor": page.cursor})

    @router.get("/api/v1/jobs/counts")
    def counts() -> Response:
        """Count the jobs in each state."""
        return Answer(service.jobs.counts())

    @router.get("/api/v1/jobs/{job_id}")
    def job(job_id: Id) -> Response:
        """Show a job with its history and what it has published."""
        found = live(service.jobs, service.jobs.get(job_id))
        events = service.jobs.events(job_id)
        snapshots = [published(each) for each in service.jobs.snapshots() if each.job_id == job_id]
        return Answer(service.hide({**row(found), "events": events, "snapshots": snapshots}))

    @router.post("/api/v1/jobs/{job_id}/cancel")
    def cancel(job_id: Id) -> Response:
        """Cancel a job: at once while it is queued; one that runs is asked to stop."""
        found = service.manager.cancel(job_id)
        if found.state is not JobState.CANCELLED and not (
            found.cancel_requested and not found.state.finished
        ):
            why = "has ended" if found.state.finished else "has published its result"
            raise Refused(409, f"job {job_id} is {found.state}; it {why}, and cannot be cancelled")
        return Answer(service.hide(row(found)))

    @router.post("/api/v1/jobs/{job_id}/retry")
    def retry(job_id: Id) -> Response:
        """Queue a job again that has failed, was cancelled or interrupted."""
        return Answer(service.hide(row(service.manager.retry(job_id))))


def aware(when: datetime | None) -> datetime | None:
    """Take a time that names no zone for UTC; Refused for one that is none there."""
    try:
        return when and (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise Refused(422, "a time is out of range") from None

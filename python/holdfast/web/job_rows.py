"""Jobs as rows of an answer."""

from __future__ import annotations

from typing import Any

from ..errors import Error
from ..jobs import Job, JobReader, JobState, Snapshot


def live(jobs: JobReader, job: Job) -> Job:
    """A job with its progress as it is now, where it runs in this process."""
    if job.state is not JobState.RUNNING:
        return job
    try:
        return job._replace(progress=jobs.progress(job.id))
    except Error:
        # It has just been pruned, or the database is busy.
        return job


def row(job: Job) -> dict[str, Any]:
    """A job as an object."""
    return {**job._asdict(), "finished": job.state.finished}


def published(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as an object, without where it is."""
    found = snapshot._asdict()
    del found["path"]
    return found

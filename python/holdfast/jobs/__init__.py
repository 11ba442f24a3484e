"""Background jobs that survive a crash and publish their results atomically.

A job is a row; a thread of some process that shares the file runs it. `docs/jobs.md` is the guide.
"""

from .context import JobContext
from .errors import (
    JobError,
    JobFailedError,
    JobStateError,
    JobStopped,
    MetadataPolicyError,
    QueueFullError,
    UnknownHandlerError,
    UnknownJobError,
    WorkspaceError,
)
from .manager import JobManager
from .models import Health, Job, JobEvent, JobPage, JobState, Progress, Snapshot
from .policy import MetadataPolicy
from .reader import JobReader

__all__ = [
    "Health",
    "Job",
    "JobContext",
    "JobError",
    "JobEvent",
    "JobFailedError",
    "JobManager",
    "JobPage",
    "JobReader",
    "JobState",
    "JobStateError",
    "JobStopped",
    "MetadataPolicy",
    "MetadataPolicyError",
    "Progress",
    "QueueFullError",
    "Snapshot",
    "UnknownHandlerError",
    "UnknownJobError",
    "WorkspaceError",
]

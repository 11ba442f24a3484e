"""What can go wrong with a job."""

from __future__ import annotations

from typing import Literal

from ..errors import Error


class JobError(Error):
    """The base of the errors of jobs."""


class UnknownJobError(JobError):
    """There is no job with that id; it may have been pruned."""


class UnknownHandlerError(JobError):
    """No handler is registered under the name that was submitted."""


class JobStateError(JobError):
    """The job is in a state in which that cannot be done."""


class QueueFullError(JobError):
    """As many jobs wait as `queue_size` allows; submit again when some have run."""

    retryable = True


class MetadataPolicyError(JobError):
    """A value that may not be kept beside a job; names the key."""


class WorkspaceError(JobError):
    """A path or a file that may not be in a workspace or a snapshot."""


class JobFailedError(JobError):
    """The job whose result was waited for has ended without one."""


Reason = Literal["cancelled", "timeout", "shutdown", "lost"]


class JobStopped(BaseException):
    """Raised inside a handler that is to end: let it through, or clean up and raise it again.

    `reason` is "cancelled", "timeout", "shutdown", or "lost" when another process has taken the job
    over. It is no `Exception`, so that `except Exception` does not keep a job from ending.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason

"""What a handler is given: its job, progress, the wish to stop, a workspace and publishing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import JobStopped, Reason, WorkspaceError
from .models import Progress, Snapshot
from .store import Claim
from .workspace import inside

if TYPE_CHECKING:
    from .snapshots import Snapshots

#: Characters that are kept of a phase and of a message.
PHASE, MESSAGE = 100, 300


class JobContext:
    """One start of a job, in the hands of its handler; made by the manager."""

    def __init__(self, claim: Claim, timeout: float | None, snapshots: Snapshots) -> None:
        self.id = claim.id
        self.kind = claim.kind
        #: Counts the starts; those too that a process had taken up and died before.
        self.attempt = claim.attempt
        self.owner = claim.owner
        self.timeout = timeout
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self.reason: Reason | None = None
        self.thread: threading.Thread | None = None
        #: When it was started, where its row does not say so yet.
        self.begun: str | None = None
        self._snapshots = snapshots
        self._workspace: Path | None = None
        self._progress: tuple[float | None, str | None, str | None] = (None, None, None)
        self._reported: object = self._progress
        self._moving = threading.RLock()
        self._ended = False
        self._on_stop: Callable[[], object] | None = None

    def report(
        self, percent: float | None = None, phase: str | None = None, message: str | None = None
    ) -> None:
        """Say how far the job is; what is None stays as it was.

        Costs less than a microsecond: the latest state alone is kept, and written a few times a
        second. `percent` is cut to 0 to 100, `phase` to 100 characters and `message` to 300. Do not
        put content into them.
        """
        before = self._progress
        if percent is None:
            percent = before[0]
        elif not 0 <= percent <= 100:
            # What is no number leaves it as it was.
            percent = 100.0 if percent > 100 else 0.0 if percent < 0 else before[0]
        self._progress = (
            percent,
            before[1] if phase is None else phase,
            before[2] if message is None else message,
        )

    def should_abort(self) -> bool:
        """Whether the handler is asked to stop: cancelled, timed out, shut down, or lost."""
        if self.reason is None and self.deadline is not None and time.monotonic() > self.deadline:
            self.stop("timeout")
        return self.reason is not None

    def check(self) -> None:
        """Raise JobStopped when the handler is asked to stop."""
        if self.should_abort():
            assert self.reason is not None
            raise JobStopped(self.reason)

    @property
    def workspace(self) -> Path:
        """A directory of this start alone, made empty at its first use and removed at its end."""
        if self._workspace is None:
            self._refuse_after_the_end()
            self._workspace = self._snapshots.workspaces.fresh(self.id, self.attempt)
        return self._workspace

    def path(self, name: str | os.PathLike[str]) -> Path:
        """Return a path in the workspace for a name from outside, with its directories made.

        WorkspaceError for a name that leads out of the workspace.
        """
        path = inside(self.workspace, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def publish(self, name: str) -> Snapshot:
        """Make the workspace the newest snapshot called `name`; the commit is the moment.

        Once for each job and name: where an earlier start has published it, that snapshot is
        returned and this workspace is discarded. The next use of `workspace` is a new directory.

        Raises JobStopped when the job was cancelled or lost before the commit, WorkspaceError for
        links and special files.
        """
        with self._moving:
            self._refuse_after_the_end()
            snapshot = self._snapshots.publish(self, name, self._workspace)
            self._workspace = None
            return snapshot

    # For the manager

    def stop(self, reason: Reason) -> None:
        """Ask the handler to stop; the first reason stays, but a lost lease outweighs all."""
        if self.reason is None or reason == "lost":
            self.reason = reason
            if call := self._on_stop:
                call()

    def on_stop(self, call: Callable[[], object] | None) -> None:
        """Have `call` called when the handler is asked to stop, also if it was already."""
        self._on_stop = call
        if call is not None and self.reason is not None:
            call()

    @property
    def progress(self) -> Progress:
        """What was reported last."""
        percent, phase, message = self._progress
        return Progress(
            None if percent is None else float(percent),
            None if phase is None else _text(phase, PHASE),
            None if message is None else _text(message, MESSAGE),
        )

    def take_report(self) -> Progress | None:
        """Return what was reported since the last call, if anything was."""
        if self._progress is self._reported:
            return None
        self._reported = self._progress
        return self.progress

    def end(self) -> None:
        """Remove the workspace for good: a thread that the handler left behind gets no other."""
        with self._moving:
            self._ended = True
            self.clean_up()

    def _refuse_after_the_end(self) -> None:
        if self._ended:
            raise WorkspaceError("the handler has returned: join its threads before it does")

    def clean_up(self) -> None:
        """Remove the workspace."""
        if self._workspace is not None:
            self._workspace = None
            self._snapshots.workspaces.discard(self.id, self.attempt)


def _text(value: object, length: int) -> str:
    # A file name may hold bytes that are no text.
    try:
        text = str(value)
    except Exception:
        text = "?"
    return text[:length].encode(errors="replace").decode()

"""Handlers that tests of jobs share."""

import threading
from collections.abc import Callable
from typing import Any

from holdfast.jobs import JobContext

#: Seconds that a test waits for a job, at most.
WAIT = 20.0


def until_stopped(started: threading.Event) -> Callable[[JobContext, Any], None]:
    """A handler that says when it has started, and ends when it is asked to."""

    def handler(ctx: JobContext, _: Any) -> None:
        started.set()
        while not ctx.should_abort():
            threading.Event().wait(0.005)
        ctx.check()

    return handler

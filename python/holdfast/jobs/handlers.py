"""What runs a job: registered functions, and calling them, synchronous or not."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple, TypeAlias, cast

from .._classify import retry_after
from .._retry import RetryPolicy
from .context import JobContext
from .errors import JobStopped

#: Seconds that a server's Retry-After is followed for, at most.
LONGEST = 24 * 60 * 60.0
#: Called with the context and the payload; what it returns is the job's result.
Function: TypeAlias = Callable[[JobContext, Any], Any]


class Handler(NamedTuple):
    """A function, how often it is tried again after a failure, and how long it may take."""

    function: Function
    policy: RetryPolicy
    timeout: float | None

    def call(self, context: JobContext, payload: Any) -> Any:
        """Run the function to its end, a coroutine on a loop of its own."""
        if not inspect.iscoroutinefunction(self.function):
            return self.function(context, payload)
        return asyncio.run(_awaited(self.function(context, payload), context))

    def delay(self, failures: int, error: BaseException) -> float | None:
        """Return the seconds until the next try after so many failures, None for no more."""
        if failures + 1 >= self.policy.attempts:
            return None
        asked = retry_after(error) if isinstance(error, Exception) else None
        if asked is not None:
            return min(asked, LONGEST)
        return next(islice(self.policy.delays(), failures, None))


def handler_of(function: Function, retries: int | RetryPolicy, timeout: float | None) -> Handler:
    """Make a handler; TypeError and ValueError for what cannot be one."""
    if not callable(function):
        raise TypeError(f"a handler is a function (ctx, payload), not {type(function).__name__}")
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        raise TypeError("a handler takes two arguments: (ctx, payload)") from None
    except ValueError:
        pass  # It is built in, and does not say.
    if isinstance(retries, RetryPolicy):
        policy = retries
    elif isinstance(retries, int) and not isinstance(retries, bool) and 0 <= retries <= 1000:
        policy = RetryPolicy(attempts=retries + 1)
    else:
        raise ValueError(f"retries is a number from 0 to 1000 or a RetryPolicy, not {retries!r}")
    if timeout is not None and not (isinstance(timeout, int | float) and 0 < timeout < 1e9):
        raise ValueError(f"timeout is a number of seconds above 0, or None, not {timeout!r}")
    return Handler(function, policy, timeout)


async def _awaited(work: Awaitable[Any], context: JobContext) -> Any:
    # A task is asked to stop by cancelling it: it need not call ctx.check().
    loop = asyncio.get_running_loop()
    task = cast("asyncio.Task[Any]", asyncio.current_task())

    def cancel() -> None:
        with suppress(RuntimeError):  # The loop has just ended.
            loop.call_soon_threadsafe(task.cancel)

    context.on_stop(cancel)
    try:
        return await work
    except asyncio.CancelledError:
        if context.reason is None:
            raise
        raise JobStopped(context.reason) from None
    finally:
        context.on_stop(None)

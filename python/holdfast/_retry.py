"""Trying again: what is worth it, how often, and how long that may take. All times are seconds.

>>> from holdfast import RetryPolicy, retry
>>> answers = iter([TimeoutError("slow"), 42])
>>> def ask():
...     answer = next(answers)
...     if isinstance(answer, Exception):
...         raise answer
...     return answer
>>> retry(ask, RetryPolicy(min_delay=0.001))
42
"""

import logging
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from holdfast._classify import RetryClass, classify, retry_after

__all__ = ["RetryClass", "RetryPolicy", "RetryStats", "classify", "retry", "retry_async"]

T = TypeVar("T")
_logger = logging.getLogger("holdfast.retry")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often something is tried, and how long is waited in between.

    `attempts` counts the first one too. The delays start at `min_delay`, grow by `factor` up to
    `max_delay`, and are lengthened or shortened by chance by up to the share `jitter`. No delay is
    begun that would pass `deadline`, which bounds attempts and delays together.

    Raises ValueError, naming the field, for a value that makes no sense.

    >>> list(RetryPolicy(attempts=6).progression())
    [0.1, 0.2, 0.4, 0.8, 1.6]
    """

    attempts: int = 3
    min_delay: float = 0.1
    max_delay: float = 10.0
    factor: float = 2.0
    jitter: float = 0.5
    deadline: float = 30.0

    def __post_init__(self) -> None:
        _check("attempts", self.attempts, 1, 2**32 - 1)
        if self.attempts != int(self.attempts):
            raise ValueError(f"attempts must be a whole number, not {self.attempts!r}")
        _check("min_delay", self.min_delay, 0, 1e9)
        _check("max_delay", self.max_delay, 0, 1e9)
        if self.max_delay < self.min_delay:
            raise ValueError(
                f"max_delay ({self.max_delay!r}) must not be shorter than "
                f"min_delay ({self.min_delay!r})"
            )
        _check("factor", self.factor, 1, 1e9)
        _check("jitter", self.jitter, 0, 1)
        _check("deadline", self.deadline, 0, 1e9)

    def progression(self) -> Iterator[float]:
        """The delays between the attempts in seconds, before jitter."""
        delay = self.min_delay
        for _ in range(self.attempts - 1):
            yield delay
            delay = min(delay * self.factor, self.max_delay)

    def delays(self) -> Iterator[float]:
        """The delays between the attempts in seconds, with jitter; each call draws anew."""
        for delay in self.progression():
            share = random.uniform(1 - self.jitter, 1 + self.jitter)
            yield min(delay * share, self.max_delay)


def _check(name: str, value: object, low: float, high: float) -> None:
    # Annotations bind nobody at run time, and the engine keeps the numbers in fixed sizes.
    if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
        return
    raise ValueError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")


@dataclass(slots=True)
class RetryStats:
    """Counts what is retried; may be shared by threads.

    `recovered` operations succeeded after a retry; `gave_up` ones needed a retry and failed.
    """

    operations: int = 0
    attempts: int = 0
    recovered: int = 0
    gave_up: int = 0
    _lock: threading.Lock = field(
        default_factory=threading.Lock, init=False, repr=False, compare=False
    )

    @property
    def rate(self) -> float:
        """The share of operations that needed a retry; 0.0 when there were none."""
        return (self.recovered + self.gave_up) / max(self.operations, 1)

    def record(self, attempts: int, *, recovered: bool = False, gave_up: bool = False) -> None:
        """Count one operation that has ended after `attempts`."""
        with self._lock:
            self.operations += 1
            self.attempts += attempts
            self.recovered += recovered
            self.gave_up += gave_up


Classifier = Callable[[Exception], RetryClass | None]


class _Attempts:
    """One operation: decides after each failure whether and when it runs again."""

    def __init__(
        self, policy: RetryPolicy | None, classifier: Classifier | None, stats: RetryStats | None
    ) -> None:
        self._policy = policy if policy is not None else RetryPolicy()
        self._classifier = classifier
        self._stats = stats if stats is not None else RetryStats()
        self._delays = self._policy.delays()
        self._started = time.monotonic()
        self._attempts = 0
        self._last = False
        self._needed = False

    def succeeded(self) -> None:
        self._stats.record(self._attempts + 1, recovered=self._needed)

    def failed(self, error: Exception) -> float | None:
        """The seconds to wait before the next attempt, or None when there is none."""
        self._attempts += 1
        kind = self._classifier(error) if self._classifier is not None else None
        kind = kind or classify(error)
        delay = None
        if kind is not RetryClass.PERMANENT:
            self._needed = True
            delay = None if self._last else next(self._delays, None)
        self._last = kind is RetryClass.DEGRADED
        elapsed = time.monotonic() - self._started
        if delay is not None:
            asked = retry_after(error)
            delay = delay if asked is None else asked
            if elapsed + delay <= self._policy.deadline:
                # The type alone: the text of a foreign error may hold values.
                name = type(error).__qualname__
                _logger.debug(
                    "attempt %d failed (%s, %s), next in %.3f s",
                    self._attempts, name, kind.value, delay,
                )  # fmt: skip
                return delay
        self._stats.record(self._attempts, gave_up=self._needed)
        if self._needed:
            plural = "" if self._attempts == 1 else "s"
            note = f"gave up after {self._attempts} attempt{plural} over {elapsed:.1f} s"
            error.add_note(note)
            _logger.debug("%s (%s, %s)", note, type(error).__qualname__, kind.value)
        return None


def retry(
    fn: Callable[[], T],
    policy: RetryPolicy | None = None,
    *,
    classify: Classifier | None = None,
    sleep: Callable[[float], object] = time.sleep,
    stats: RetryStats | None = None,
) -> T:
    """Call `fn` until it succeeds or `policy` (default: `RetryPolicy()`) ends it; its result.

    `classify` decides first what may be done about an error; where it returns None, the built-in
    `classify` of this module does. A Retry-After header replaces the computed delay, within the
    deadline. `stats` counts.

    Raises the last exception of `fn` itself, with a note that says how often it was tried.
    """
    attempts = _Attempts(policy, classify, stats)
    while True:
        try:
            result = fn()
        except Exception as error:
            delay = attempts.failed(error)
            if delay is None:
                raise
        else:
            attempts.succeeded()
            return result
        sleep(delay)


async def retry_async(
    fn: Callable[[], Awaitable[T]],
    policy: RetryPolicy | None = None,
    *,
    classify: Classifier | None = None,
    sleep: Callable[[float], Awaitable[object]] | None = None,
    stats: RetryStats | None = None,
) -> T:
    """`retry` for a function to await; `sleep` is `asyncio.sleep` by default.

    Cancelling ends it at once, during an attempt or a delay.
    """
    if sleep is None:
        from asyncio import sleep
    attempts = _Attempts(policy, classify, stats)
    while True:
        try:
            result = await fn()
        except Exception as error:
            delay = attempts.failed(error)
            if delay is None:
                raise
        else:
            attempts.succeeded()
            return result
        await sleep(delay)

"""A circuit breaker: what fails again and again is left alone for a while."""

from __future__ import annotations

import sys
import threading
from enum import StrEnum
from time import monotonic


class BreakerState(StrEnum):
    """Whether something is tried: always, not now, or by one caller to see how it is."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class CircuitBreaker:
    """Opens after some failures in a row, and lets one caller try again after some seconds.

    Nothing here waits, so threads and tasks of event loops use it alike. Who is told to go on by
    `allows` says then `succeeded` or `failed`.

    Args:
        failures: How many in a row open it.
        seconds: How long it is open before one caller may try; also how long that one has.

    >>> breaker = CircuitBreaker(failures=2, seconds=60)
    >>> for _ in range(2):
    ...     if breaker.allows():
    ...         breaker.failed()
    >>> breaker.state, breaker.allows()
    (<BreakerState.OPEN: 'open'>, False)
    """

    def __init__(self, failures: int = 5, seconds: float = 60.0) -> None:
        if not isinstance(failures, int) or failures < 1:
            raise ValueError(f"failures is a number from 1, not {failures!r}")
        if not isinstance(seconds, int | float) or not 0 < seconds <= sys.float_info.max:
            raise ValueError(f"seconds is a number above 0, not {seconds!r}")
        self._limit = failures
        self._seconds = float(seconds)
        self.reset()

    def reset(self) -> None:
        """Close it, as if nothing had ever failed; a forked child does, whatever its parent did."""
        self._lock = threading.Lock()
        self._state = BreakerState.CLOSED
        self._failures = 0
        self._until = 0.0

    @property
    def state(self) -> BreakerState:
        """What it is now; an open one stays so until somebody tries."""
        return self._state

    @property
    def failures(self) -> int:
        """How many there were in a row."""
        return self._failures

    @property
    def remaining(self) -> float:
        """Seconds until somebody may try; 0.0 where it is so now."""
        with self._lock:
            if self._state is BreakerState.CLOSED:
                return 0.0
            return max(0.0, self._until - monotonic())

    def allows(self) -> bool:
        """Whether the caller is to try now; where it was open, one caller at a time is."""
        with self._lock:
            if self._state is not BreakerState.CLOSED:
                now = monotonic()
                if now < self._until:
                    return False
                # Whoever tries and never says how it went has as long as the others waited.
                self._until = now + self._seconds
                self._state = BreakerState.HALF_OPEN
            return True

    def succeeded(self) -> None:
        """Say that what was tried has worked."""
        if self._failures:
            with self._lock:
                self._failures = 0
                self._state = BreakerState.CLOSED

    def failed(self) -> None:
        """Say that what was tried has failed."""
        with self._lock:
            self._failures += 1
            closed = self._state is BreakerState.CLOSED
            if self._state is BreakerState.HALF_OPEN or (closed and self._failures >= self._limit):
                self._until = monotonic() + self._seconds
                self._state = BreakerState.OPEN

    def __repr__(self) -> str:
        return f"CircuitBreaker({self._state.value}, {self._failures} failures)"
